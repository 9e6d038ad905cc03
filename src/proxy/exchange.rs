//! A request and its response on the wire: both directions at once, watched for silence, cuts and lost clients.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

use super::fail::Failure;
use super::line::Presence;
use super::side::{ClientSide, Direction, Moved, OriginSide, poll_down, poll_up};
use crate::http1::body::{BodyError, Frame};
use crate::http1::parse::{HeadError, HeadLimits, ResponseHead};
use crate::model::limits::{ORIGIN_HEADER_COUNT, ORIGIN_HEADERS_BYTES, REPLAY_BYTES};

/// What an origin's head may weigh.
const ORIGIN_HEAD: HeadLimits = HeadLimits {
    target: 0,
    line: ORIGIN_HEADERS_BYTES,
    total: ORIGIN_HEADERS_BYTES,
    count: ORIGIN_HEADER_COUNT,
};

/// How long silence is borne.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// First byte and gaps of an origin (FD-E40, FD-E41).
    pub origin: Duration,
    /// A client that neither sends nor reads inside an exchange (FD-E25).
    pub client: Duration,
}

/// The time since something moved, with a timer that is set again only when it has run out.
struct Silence<'s> {
    last: Instant,
    timer: Pin<&'s mut Sleep>,
}

impl<'s> Silence<'s> {
    /// `timer` may run out too early, never too late for any limit that will be asked for.
    fn from_now(timer: Pin<&'s mut Sleep>) -> Self {
        Self { last: Instant::now(), timer }
    }

    fn broken(&mut self) {
        self.last = Instant::now();
    }

    /// Whether it has lasted for `limit`; else the timer wakes the task when it will have.
    fn lasts(&mut self, limit: Duration, cx: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.last.elapsed() >= limit {
                return true;
            }
            self.timer.as_mut().reset(self.last + limit);
        }
        false
    }
}

/// What was read of a request's body, kept for another origin while it fits (FD-D28 d).
#[derive(Debug, Default)]
pub struct Replay {
    pieces: Vec<Bytes>,
    bytes: usize,
    overflown: bool,
}

impl Replay {
    fn keep(&mut self, piece: &Bytes) {
        self.bytes += piece.len();
        if self.bytes > REPLAY_BYTES {
            self.overflown = true;
            self.pieces = Vec::new();
        } else {
            self.pieces.push(piece.clone());
        }
    }

    /// Whether the body so far can be sent once more.
    pub const fn possible(&self) -> bool {
        !self.overflown
    }
}

/// One request's way up, over all of its attempts.
#[derive(Debug, Default)]
pub struct Upload {
    pub direction: Direction,
    pub replay: Replay,
    /// Pieces of the replay that this attempt has sent.
    replayed: usize,
    /// This attempt still has to send the end of a body that an earlier one has read.
    resend_end: bool,
    done: bool,
    /// The origin stopped taking the body; its answer may still come.
    refused: bool,
}

impl Upload {
    /// Starts over for another origin.
    pub fn again(&mut self) {
        self.replayed = 0;
        self.resend_end = self.direction.ended;
        self.done = false;
        self.refused = false;
    }

    /// Whether the whole body is with the origin, so that its connection may be used again.
    pub const fn complete(&self) -> bool {
        self.done && !self.refused
    }

    fn poll(
        &mut self,
        client: &mut ClientSide<'_>,
        origin: &mut OriginSide,
        body_max: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if self.done {
            return Poll::Ready(Ok(()));
        }
        match self.poll_replay(origin, cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return self.give_up(),
            Poll::Pending => return Poll::Pending,
        }
        let replay = &mut self.replay;
        let replayed = &mut self.replayed;
        let mut total = self.direction.bytes;
        let moved = poll_up(&mut self.direction, client, origin, cx, |piece| {
            total += piece.len() as u64;
            if total > body_max {
                return Err(BodyError::Malformed(TOO_LARGE));
            }
            replay.keep(piece);
            *replayed = replay.pieces.len();
            Ok(())
        });
        match moved {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Moved::Done) => {
                self.done = true;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Moved::Sink(_)) => self.give_up(),
            Poll::Ready(Moved::Source(error)) => Poll::Ready(Err(client_failure(&error))),
        }
    }

    fn give_up(&mut self) -> Poll<Result<(), Failure>> {
        self.done = true;
        self.refused = true;
        Poll::Ready(Ok(()))
    }

    /// Sends what earlier attempts have read.
    fn poll_replay(&mut self, origin: &mut OriginSide, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while let Some(piece) = self.replay.pieces.get(self.replayed) {
            std::task::ready!(origin.poll_ready(cx))?;
            self.replayed += 1;
            let last = self.resend_end && self.replayed == self.replay.pieces.len();
            self.resend_end &= !last;
            origin.send(Frame::Data(piece.clone()), last)?;
        }
        if std::mem::take(&mut self.resend_end) {
            origin.send(Frame::End(None), false)?;
        }
        Poll::Ready(Ok(()))
    }
}

const TOO_LARGE: &str = "the request body is too large";

fn client_failure(error: &BodyError) -> Failure {
    match error {
        BodyError::Malformed(what) if *what == TOO_LARGE => Failure::BodyTooLarge,
        BodyError::Malformed(what) => Failure::Malformed(what),
        BodyError::Short | BodyError::Io(_) | BodyError::H2(_) => Failure::ClientGone,
    }
}

/// An exchange in the making.
#[derive(Debug)]
pub struct Exchange<'e, 'c> {
    pub client: &'e mut ClientSide<'c>,
    pub origin: &'e mut OriginSide,
    pub upload: &'e mut Upload,
    pub presence: &'e Presence,
    pub patience: Patience,
    pub body_max: u64,
    pub method: &'e http::Method,
}

/// How the way down ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivered {
    Whole,
    /// The client is gone or does not read.
    ClientGone,
    /// The origin broke off: the client must not take what it has for the whole.
    Broken(Failure),
}

impl Exchange<'_, '_> {
    /// Sends the request up and waits for the final response head; `interim` is given every 1xx but 101.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn head(
        &mut self,
        mut interim: impl FnMut(&mut ClientSide<'_>, &ResponseHead),
    ) -> Result<ResponseHead, Failure> {
        let timer = pin!(sleep(self.patience.client.min(self.patience.origin)));
        let mut silence = Silence::from_now(timer);
        let mut seen = self.upload.direction.bytes;
        std::future::poll_fn(|cx| {
            if self.presence.poll_cut(cx).is_ready() {
                return Poll::Ready(Err(Failure::Isolated));
            }
            let uploaded = match self.upload.poll(self.client, self.origin, self.body_max, cx) {
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            while let Poll::Ready(result) = poll_head(self.origin, self.method, cx) {
                match result {
                    Ok(head) if matches!(head.status, 100 | 102..=199) => {
                        interim(self.client, &head);
                        if self.client.poll_flush(cx).is_ready() {
                            silence.broken();
                        }
                    }
                    other => return Poll::Ready(other),
                }
            }
            if uploaded && self.client.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            let moved = self.upload.direction.bytes + u64::from(uploaded);
            if moved != seen {
                seen = moved;
                silence.broken();
            }
            // Silence is the client's only while its body is missing and the origin would take more of it.
            let clients = !uploaded && self.origin.poll_ready(cx).is_ready();
            let (limit, failure) = if clients {
                (self.patience.client, Failure::ClientStalled)
            } else {
                (self.patience.origin, Failure::OriginTimeout)
            };
            if silence.lasts(limit, cx) { Poll::Ready(Err(failure)) } else { Poll::Pending }
        })
        .await
    }

    /// Carries the response's body down, and the rest of the request's up.
    pub async fn body(&mut self, down: &mut Direction) -> Delivered {
        let timer = pin!(sleep(self.patience.client.min(self.patience.origin)));
        let mut silence = Silence::from_now(timer);
        let mut seen = 0;
        std::future::poll_fn(|cx| {
            if self.presence.poll_cut(cx).is_ready() {
                return Poll::Ready(Delivered::Broken(Failure::Isolated));
            }
            let uploaded = match self.upload.poll(self.client, self.origin, self.body_max, cx) {
                Poll::Ready(Err(Failure::ClientGone)) => return Poll::Ready(Delivered::ClientGone),
                Poll::Ready(Err(failure)) => return Poll::Ready(Delivered::Broken(failure)),
                Poll::Ready(Ok(())) => true,
                Poll::Pending => false,
            };
            match poll_down(down, self.origin, self.client, cx, |_| Ok(())) {
                Poll::Ready(Moved::Done) => return Poll::Ready(Delivered::Whole),
                Poll::Ready(Moved::Sink(_)) => return Poll::Ready(Delivered::ClientGone),
                Poll::Ready(Moved::Source(error)) => {
                    return Poll::Ready(Delivered::Broken(origin_failure(&error)));
                }
                Poll::Pending => {}
            }
            if uploaded && !down.ended && self.client.poll_gone(cx).is_ready() {
                return Poll::Ready(Delivered::ClientGone);
            }
            let moved = down.bytes + self.upload.direction.bytes;
            if moved != seen {
                seen = moved;
                silence.broken();
            }
            let blocked = down.ended || self.client.poll_ready(cx).is_pending();
            let limit = if blocked { self.patience.client } else { self.patience.origin };
            match (silence.lasts(limit, cx), blocked) {
                (false, _) => Poll::Pending,
                (true, true) => Poll::Ready(Delivered::ClientGone),
                (true, false) => Poll::Ready(Delivered::Broken(Failure::OriginTimeout)),
            }
        })
        .await
    }
}

fn origin_failure(error: &BodyError) -> Failure {
    match error {
        BodyError::Malformed(_) => Failure::InvalidResponse,
        BodyError::Short | BodyError::Io(_) | BodyError::H2(_) => Failure::Aborted,
    }
}

fn poll_head(
    origin: &mut OriginSide,
    method: &http::Method,
    cx: &mut Context<'_>,
) -> Poll<Result<ResponseHead, Failure>> {
    match origin {
        OriginSide::H1(conn) => conn.poll_response(cx, method, &ORIGIN_HEAD).map(|result| match result {
            Ok(Ok(head)) => Ok(head),
            Ok(Err(Some(HeadError::HeadersTooLarge))) => Err(Failure::ResponseHeaderTooBig),
            Ok(Err(Some(_))) => Err(Failure::InvalidResponse),
            Ok(Err(None)) | Err(_) => Err(Failure::Aborted),
        }),
        OriginSide::H2(stream) => stream.poll_response(cx).map(|result| {
            result.map_err(|error| match error.reason() {
                Some(h2::Reason::PROTOCOL_ERROR) => Failure::InvalidResponse,
                _ => Failure::Aborted,
            })
        }),
    }
}
