//! Pages, and the sites that they're loaded from.

use std::any::{Any, TypeId};
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

    /// A page of that type that is framed in this one, if there is one.
    fn framed(&self, _kind: TypeId) -> Option<&dyn Any> {
        None
    }

    /// The same, for a user who does something in it.
    fn framed_mut(&mut self, _kind: TypeId) -> Option<&mut dyn Any> {
        None
    }
}

/// The page of that type: this one, or one that's framed in it.
pub(super) fn find(page: &dyn Page, kind: TypeId) -> Option<&dyn Any> {
    let itself: &dyn Any = page;
    if itself.type_id() == kind { Some(itself) } else { page.framed(kind) }
}

/// The same, for a user who does something in it.
pub(super) fn find_mut(page: &mut dyn Page, kind: TypeId) -> Option<&mut dyn Any> {
    let is_it = {
        let itself: &dyn Any = page;
        itself.type_id() == kind
    };
    if is_it { Some(page) } else { page.framed_mut(kind) }
}

/// Two pages in one tab: each hears everything, the outer one first, and passes over what it hasn't asked for.
struct Frames {
    outer: Box<dyn Page>,
    inner: Box<dyn Page>,
}

impl Page for Frames {
    fn handle(&mut self, web: &Web, event: WebEvent) {
        self.outer.handle(web, event.clone());
        self.inner.handle(web, event);
    }

    fn framed(&self, kind: TypeId) -> Option<&dyn Any> {
        find(&*self.outer, kind).or_else(|| find(&*self.inner, kind))
    }

    fn framed_mut(&mut self, kind: TypeId) -> Option<&mut dyn Any> {
        match find_mut(&mut *self.outer, kind) {
            Some(page) => Some(page),
            None => find_mut(&mut *self.inner, kind),
        }
    }
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

    /// This site with another in a frame of it: both live in one tab, and end with it. The user has allowed the frame
    /// what it needs, so what's stored and allowed is that of the framed site.
    #[must_use]
    pub fn framing(&self, inner: &Site) -> Site {
        let (outer, inner) = (self.load.clone(), inner.clone());
        let origin = inner.origin.clone();
        Site { origin, load: Rc::new(move || Box::new(Frames { outer: outer(), inner: inner.load() })) }
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
