//! Pages, and the sites that they're loaded from.

use std::any::Any;
use std::fmt;
use std::rc::Rc;

use super::event::WebEvent;
use super::web::Web;

/// A page: the tenant of a tab, written against [`Web`] and nothing else.
///
/// It's called for each event, one at a time, and acts by calls of [`Web`], which are carried out in their order. It's
/// dropped when its tab ends: at once, and nothing of it runs afterwards.
///
/// An embedded engine is a page like any other: it gets the event, runs its jobs until none is left, and calls `web`.
pub trait Page: Any {
    /// Something has happened.
    fn handle(&mut self, web: &Web, event: WebEvent);
}

/// What is behind an address: each loading of it gives a fresh page.
#[derive(Clone)]
pub struct Site {
    origin: Rc<str>,
    load: Rc<dyn Fn() -> Box<dyn Page>>,
}

impl Site {
    /// A site by its origin, `http://phone.test` for instance: pages of one origin share a store, and what the user has
    /// allowed.
    pub fn new<P: Page>(origin: &str, load: impl Fn() -> P + 'static) -> Site {
        Site { origin: origin.into(), load: Rc::new(move || Box::new(load())) }
    }

    /// Its origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn load(&self) -> Box<dyn Page> {
        (self.load)()
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site {}", self.origin)
    }
}
