//! What is known of a client's connection for all of its requests.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::model::name::RegionName;
use crate::model::route::Scheme;

/// A client's connection.
#[derive(Debug)]
pub struct Line {
    pub scheme: Scheme,
    pub peer: SocketAddr,
    /// The listener's port, as rules and logs report it (FD-E5).
    pub port: u16,
    /// Server name of the TLS handshake.
    pub sni: Option<Box<str>>,
    /// Protocol, suite and group of the TLS session.
    pub tls: Option<(&'static str, &'static str, &'static str)>,
}

/// One running exchange, as the worker's steward sees it: where it goes, and whether it has to end.
#[derive(Debug, Default)]
pub struct Presence {
    region: RefCell<Option<RegionName>>,
    cut: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Presence {
    pub fn enter(&self, region: Option<&RegionName>) {
        self.cut.set(false);
        *self.region.borrow_mut() = region.cloned();
    }

    /// Ends the exchange if it goes to a region for which `isolated` holds; whether it does.
    pub fn cut_if(&self, isolated: impl Fn(&RegionName) -> bool) -> bool {
        if !self.region.borrow().as_ref().is_some_and(isolated) {
            return false;
        }
        self.cut.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
        true
    }

    /// Ready when the exchange has to end.
    pub fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        if self.cut.get() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        match waker.as_mut() {
            Some(known) => known.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

/// All running exchanges of one worker. Slots are reused; there are never more than exchanges at a time.
#[derive(Debug, Default)]
pub struct Presences {
    slots: RefCell<Vec<Option<Rc<Presence>>>>,
    free: RefCell<Vec<usize>>,
}

impl Presences {
    /// Adds one; it leaves when the guard is dropped.
    pub fn add(self: &Rc<Self>) -> Present {
        let presence = Rc::new(Presence::default());
        let mut slots = self.slots.borrow_mut();
        let at = match self.free.borrow_mut().pop() {
            Some(at) => at,
            None => {
                slots.push(None);
                slots.len() - 1
            }
        };
        slots[at] = Some(presence.clone());
        Present { presence, all: self.clone(), at }
    }

    /// Ends every exchange with a region for which `isolated` holds; how many there were.
    pub fn cut(&self, isolated: impl Fn(&RegionName) -> bool) -> usize {
        self.slots.borrow().iter().flatten().filter(|presence| presence.cut_if(&isolated)).count()
    }
}

/// A presence and its place among the others.
#[derive(Debug)]
pub struct Present {
    pub presence: Rc<Presence>,
    all: Rc<Presences>,
    at: usize,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.all.slots.borrow_mut()[self.at] = None;
        self.all.free.borrow_mut().push(self.at);
    }
}
