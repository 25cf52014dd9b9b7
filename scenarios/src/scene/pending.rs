//! Stand-ins until the webphone's handle is there.
#![allow(missing_docs)]

use busyhour::phone::Phone;
use busyhour::phone::browser::{Browser, BrowserError, RtcConfiguration, Site, Tab};

#[derive(Clone)]
pub(crate) struct WebphoneSettings { pub rtc: RtcConfiguration, pub registers_on_load: bool }
pub(crate) struct W { pub says_goodbye: bool }
impl WebphoneSettings {
    pub(crate) fn new(_u: &str, _p: &str, _d: &str) -> WebphoneSettings { unimplemented!() }
}
pub(crate) trait WebphoneHandle: Sized {
    fn webphone(_browser: &Browser, _settings: WebphoneSettings) -> Self { unimplemented!() }
    fn tab(&self) -> Option<Tab> { None }
    fn site(&self) -> Option<&Site> { None }
    fn open_tab(&self) -> Result<Tab, BrowserError> { unimplemented!() }
    fn in_tab(&self, _tab: &Tab) -> Self { unimplemented!() }
    fn provision_page(&self, _change: impl FnOnce(&mut WebphoneSettings)) {}
    fn misbehave(&self, _change: impl FnOnce(&mut W)) {}
}
impl WebphoneHandle for Phone {}
