//! One request's memory, from its head to its access line.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::arrive::Asked;
use super::exchange::Upload;
use super::fail::Failure;
use super::line::Line;
use super::pool::Peer;
use super::side::Direction;
use super::worker::{Reference, View, Worker};
use crate::decide::pick::Pick;
use crate::decide::request::Matched;
use crate::http1::parse::RequestHead;
use crate::model::route::Scheme;
use crate::model::settings::Settings;

/// Where the last attempt went.
#[derive(Debug, Clone)]
pub struct Attempted {
    pub pick: Pick,
    pub scheme: Scheme,
    pub peer: Peer,
    pub reused: bool,
}

/// What a client was told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    /// Status that was sent; 0: none.
    pub status: u16,
    pub first_byte: Option<Duration>,
    /// The tunnel of a WebSocket was open.
    pub websocket: bool,
}

#[derive(Debug)]
pub struct Visit<'v> {
    pub worker: &'v Worker,
    pub view: Rc<View>,
    pub line: &'v Line,
    pub head: RequestHead,
    pub asked: Option<Asked>,
    pub matched: Option<Matched>,
    pub reference: Reference,
    pub started: Instant,
    pub upload: Upload,
    pub down: Direction,
    pub attempts: u8,
    pub attempted: Option<Attempted>,
    /// The origin's path of the last attempt, where it is not the client's.
    pub origin_path: Option<String>,
    pub told: Told,
    /// The last failure of the request (FD-L21); None: `NoError`.
    pub failure: Option<Failure>,
    /// FD-J4: 411 is not logged.
    pub unlogged: bool,
    /// Bytes on the client's side, heads included where they are counted.
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl<'v> Visit<'v> {
    pub fn begin(worker: &'v Worker, line: &'v Line, head: RequestHead) -> Self {
        Self {
            worker,
            view: worker.view(),
            line,
            bytes_in: head.bytes as u64,
            head,
            asked: None,
            matched: None,
            reference: worker.reference(),
            started: Instant::now(),
            upload: Upload::default(),
            down: Direction::default(),
            attempts: 0,
            attempted: None,
            origin_path: None,
            told: Told::default(),
            failure: None,
            unlogged: false,
            bytes_out: 0,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.view.pinned.snapshot.table.settings
    }

    /// A response head leaves now.
    pub fn tell(&mut self, status: u16) {
        self.told.status = status;
        self.told.first_byte = Some(self.started.elapsed());
    }
}
