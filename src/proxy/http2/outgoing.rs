//! Body pieces on their way out of an HTTP/2 stream, as its window allows.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::SendStream;

use crate::http1::body::{BodyError, Frame};

/// The sending half of a stream with at most one piece waiting for window.
#[derive(Debug)]
pub struct Outgoing {
    stream: SendStream<Bytes>,
    waiting: Bytes,
    last: bool,
    ended: bool,
    /// Bytes of body handed to the stream.
    pub bytes: u64,
}

impl Outgoing {
    pub const fn new(stream: SendStream<Bytes>) -> Self {
        Self { stream, waiting: Bytes::new(), last: false, ended: false, bytes: 0 }
    }

    /// Ready when nothing waits.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while !self.waiting.is_empty() {
            let mut room = self.stream.capacity();
            if room == 0 {
                self.stream.reserve_capacity(self.waiting.len());
                room = match ready!(self.stream.poll_capacity(cx)) {
                    Some(room) => room?,
                    None => return Poll::Ready(Err(BodyError::Short)),
                };
            }
            let piece = self.waiting.split_to(room.min(self.waiting.len()));
            let end = self.last && self.waiting.is_empty();
            self.bytes += piece.len() as u64;
            self.stream.send_data(piece, end)?;
            self.ended |= end;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes a piece; `last` ends the stream with it.
    ///
    /// # Errors
    /// The stream was reset.
    pub fn send(&mut self, frame: Frame, last: bool) -> Result<(), BodyError> {
        match frame {
            Frame::Data(data) if data.is_empty() && !last => {}
            Frame::Data(data) => {
                self.last = last;
                self.waiting = data;
            }
            Frame::End(_) if self.ended => {}
            Frame::End(Some(trailers)) => {
                self.ended = true;
                self.stream.send_trailers(trailers.to_map(|_| true))?;
            }
            Frame::End(None) => {
                self.ended = true;
                self.stream.send_data(Bytes::new(), true)?;
            }
        }
        Ok(())
    }

    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Ends the stream with an error that the other side sees.
    pub fn reset(&mut self, reason: h2::Reason) {
        self.stream.send_reset(reason);
    }

    /// Ready when the other side reset the stream.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_reset(cx).map(|_| ())
    }
}
