//! Agents' screens: in which tab they are, on which computer, and the buttons in them.

use std::cell::RefCell;
use std::rc::Rc;

use busyhour::floor::screen::AgentScreen;
use busyhour::phone::browser::{Browser, BrowserError, BrowserSettings, Site, Tab, Web};
use busyhour::world::Host;

use super::super::center::{Agent, Center, failed};
use super::super::{PATIENCE, Scene, wait_until};
use crate::argument::PhoneKind;
use crate::phrase::StepFailure;

/// The computer of an agent whose phone isn't in a browser: her screen is alone in its tabs there.
#[derive(Clone)]
pub(in crate::scene) struct Computer {
    pub(in crate::scene) host: Host,
    pub(in crate::scene) browser: Browser,
    site: Site,
    tabs: Rc<RefCell<Vec<Tab>>>,
}

impl Computer {
    /// What its tabs show from now on.
    pub(super) fn shows(&mut self, site: Site) {
        self.site = site;
    }

    /// How many tabs were opened side by side, open or not; the first one counts before it's opened.
    pub(in crate::scene) fn tabs(&self) -> usize {
        self.tabs.borrow().len().max(1)
    }

    /// One of its tabs, if it's open.
    pub(in crate::scene) fn tab(&self, place: usize) -> Option<Tab> {
        self.tabs.borrow().get(place).filter(|tab| tab.is_open()).cloned()
    }

    /// Opens the screen in a tab: in that place of the row, or behind it.
    pub(in crate::scene) fn open(&self, place: usize) -> Result<Tab, BrowserError> {
        let tab = self.browser.open(&self.site)?;
        let mut tabs = self.tabs.borrow_mut();
        match tabs.get_mut(place) {
            Some(old) => *old = tab.clone(),
            None => tabs.push(tab.clone()),
        }
        Ok(tab)
    }
}

impl Center {
    /// The computer on which an agent's screen is: the one that her softphone runs on, or one beside her desk phone.
    pub(super) fn computer_for(&mut self, name: &str, site: Site) -> Result<Computer, StepFailure> {
        let agent = self.agents.iter().find(|agent| agent.name == name).expect("the name was looked up");
        let under_phone = agent.devices.iter().find(|device| device.kind == PhoneKind::Softphone);
        let host = match under_phone {
            Some(device) => device.host.clone(),
            None => {
                let host = self.universe.try_host(&format!("{name}-pc")).map_err(failed)?;
                if let Some(nat) = agent.nat {
                    self.universe.network().put_behind(&host, nat);
                }
                host
            }
        };
        let browser = Browser::install(&host, BrowserSettings::default());
        Ok(Computer { host, browser, site, tabs: Rc::default() })
    }
}

impl Agent {
    /// The tab that her screen is in: the first one, or the second.
    pub(super) fn screen_tab(&self, place: usize) -> Option<Tab> {
        match &self.computer {
            Some(computer) => computer.tab(place),
            None => {
                let mut webphones = self.devices.iter().filter(|device| device.browser.is_some());
                webphones.nth(place).and_then(|device| device.open_tab())
            }
        }
    }

    /// Something that her screen shows; nothing without a screen.
    pub(super) fn shown<R>(&self, place: usize, look: impl FnOnce(&AgentScreen) -> R) -> Option<R> {
        self.screen_tab(place)?.page(look)
    }

    /// What her screen shows, in a word.
    pub(super) fn shows(&self, place: usize) -> String {
        self.shown(place, |screen| screen.shows().to_owned()).unwrap_or_else(|| "nothing: it isn't open".to_owned())
    }

    /// The tab in which she's logged in, as far as its page knows: the first such.
    pub(super) fn session_tab(&self) -> Option<usize> {
        (0..2).find(|place| self.shown(*place, AgentScreen::is_logged_in).unwrap_or_default())
    }

    /// She presses a button of her screen.
    pub(super) fn press<R>(
        &self,
        place: usize,
        deed: &str,
        button: impl FnOnce(&mut AgentScreen, &Web) -> R,
    ) -> Result<R, StepFailure> {
        let cant = |why: &str| StepFailure::because(format!("{} can't {deed}: {why}", self.name));
        let tab = self.screen_tab(place).ok_or_else(|| cant("the tab of her screen isn't open"))?;
        tab.press(button).ok_or_else(|| cant("her computer doesn't run, or the tab shows something else"))
    }

    /// She presses a button of the screen in which she's logged in.
    pub(super) fn press_in_session<R>(
        &self,
        deed: &str,
        button: impl FnOnce(&mut AgentScreen, &Web) -> R,
    ) -> Result<R, StepFailure> {
        let Some(place) = self.session_tab() else {
            // The button says what's wrong better, if there's no tab at all.
            self.press(0, deed, |_, _| ())?;
            let why = format!("{} can't {deed}: her screen shows {}", self.name, self.shows(0));
            return Err(StepFailure::because(why));
        };
        self.press(place, deed, button)
    }
}

impl Scene {
    /// Opens the tabs of these agents' screens where they aren't open, and waits for their pages.
    pub(super) async fn open_screens(&mut self, agents: &[Agent], place: usize) -> Result<(), StepFailure> {
        for agent in agents {
            if agent.screen_tab(place).is_some_and(|tab| tab.has_page()) {
                continue;
            }
            match &agent.computer {
                Some(computer) => {
                    self.tell_tab(&agent.name, place, "opened");
                    let opened = computer.open(place);
                    opened
                        .map_err(|error| StepFailure::because(format!("{} can't open the tab: {error}", agent.name)))?;
                }
                None if place == 0 => self.open_tab(&crate::argument::Agent::Named(agent.name.clone())).await?,
                None => {
                    let why = format!("{} has no second tab: she opens one first", agent.name);
                    return Err(StepFailure::because(why));
                }
            }
        }
        let names: Vec<String> = agents.iter().map(|agent| agent.name.clone()).collect();
        let universe = self.universe.clone();
        let center = self.center()?;
        let there = || {
            let of_them = center.agents.iter().filter(|agent| names.contains(&agent.name));
            of_them.into_iter().all(|agent| agent.shown(place, |_| ()).is_some())
        };
        wait_until(&universe, Some(PATIENCE), there).await;
        Ok(())
    }
}
