//! The two sides of an exchange, whatever HTTP each of them speaks: frames in, frames out, both at once.

use std::task::{Context, Poll, ready};

use super::http2::to_client::ClientStream;
use super::http2::to_origin::OriginStream;
use super::io::EdgeIo;
use crate::http1::body::{BodyError, Frame};
use crate::http1::conn::Conn;

/// Who asks.
#[derive(Debug)]
pub enum ClientSide<'c> {
    H1(&'c mut Conn<EdgeIo>),
    H2(Box<ClientStream>),
}

/// Who answers.
#[derive(Debug)]
pub enum OriginSide {
    H1(Box<Conn<EdgeIo>>),
    H2(Box<OriginStream>),
}

macro_rules! sides {
    ($($side:ty),*) => {$(
        impl $side {
            /// The next piece of the body that this side sends.
            pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
                match self {
                    Self::H1(conn) => conn.poll_frame(cx),
                    Self::H2(stream) => stream.poll_frame(cx),
                }
            }

            /// Whether that body was read to its end.
            pub fn body_done(&self) -> bool {
                match self {
                    Self::H1(conn) => conn.body_done(),
                    Self::H2(stream) => stream.body_done(),
                }
            }

            /// Ready when this side takes another piece.
            pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
                match self {
                    Self::H1(conn) => conn.poll_ready(cx).map_err(BodyError::Io),
                    Self::H2(stream) => stream.poll_ready(cx),
                }
            }

            /// Gives this side a piece; `last` where nothing follows it, not even trailers.
            ///
            /// # Errors
            /// The side is gone, or the body is not as long as its head said.
            pub fn send(&mut self, frame: Frame, last: bool) -> Result<(), BodyError> {
                match self {
                    Self::H1(conn) => {
                        conn.send(frame)?;
                        if last { conn.send(Frame::End(None)) } else { Ok(()) }
                    }
                    Self::H2(stream) => stream.send(frame, last),
                }
            }

            /// Ready when everything is on its way.
            pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
                match self {
                    Self::H1(conn) => conn.poll_flush(cx).map_err(BodyError::Io),
                    Self::H2(stream) => stream.poll_ready(cx),
                }
            }
        }
    )*};
}

sides!(ClientSide<'_>, OriginSide);

impl ClientSide<'_> {
    /// Ready when the client is gone.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::H1(conn) => conn.poll_gone(cx),
            Self::H2(stream) => stream.poll_gone(cx),
        }
    }

    /// Bytes written to the client so far: of the connection (HTTP/1), or of the stream's body (HTTP/2).
    pub fn bytes_out(&self) -> u64 {
        match self {
            Self::H1(conn) => conn.bytes_out,
            Self::H2(stream) => stream.bytes_out(),
        }
    }

    /// Whether the response was sent to its end.
    pub fn sent_all(&self) -> bool {
        match self {
            Self::H1(conn) => conn.sent_all(),
            Self::H2(stream) => stream.sent_all(),
        }
    }
}

/// One direction of an exchange, from a body's first piece to its end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// Bytes of body that passed.
    pub bytes: u64,
    /// The end was handed over.
    pub ended: bool,
}

/// What a poll of one direction came to.
#[derive(Debug)]
pub enum Moved {
    /// Everything was handed over and flushed.
    Done,
    /// The source failed.
    Source(BodyError),
    /// The sink failed.
    Sink(BodyError),
}

macro_rules! direction {
    ($(#[$doc:meta])* $name:ident: $source:ty => $sink:ty) => {
        $(#[$doc])*
        pub fn $name(
            direction: &mut Direction,
            source: &mut $source,
            sink: &mut $sink,
            cx: &mut Context<'_>,
            mut seen: impl FnMut(&bytes::Bytes) -> Result<(), BodyError>,
        ) -> Poll<Moved> {
            while !direction.ended {
                if let Err(error) = ready!(sink.poll_ready(cx)) {
                    return Poll::Ready(Moved::Sink(error));
                }
                let frame = match source.poll_frame(cx) {
                    Poll::Ready(Ok(frame)) => frame,
                    Poll::Ready(Err(error)) => return Poll::Ready(Moved::Source(error)),
                    Poll::Pending => {
                        // Nothing more for now: what was collected leaves in one go.
                        if let Poll::Ready(Err(error)) = sink.poll_flush(cx) {
                            return Poll::Ready(Moved::Sink(error));
                        }
                        return Poll::Pending;
                    }
                };
                let mut last = matches!(frame, Frame::End(_));
                if let Frame::Data(data) = &frame {
                    direction.bytes += data.len() as u64;
                    if let Err(error) = seen(data) {
                        return Poll::Ready(Moved::Source(error));
                    }
                    last = source.body_done();
                }
                direction.ended = last;
                let ends_with_data = last && matches!(frame, Frame::Data(_));
                if let Err(error) = sink.send(frame, ends_with_data) {
                    return Poll::Ready(Moved::Sink(error));
                }
            }
            match ready!(sink.poll_flush(cx)) {
                Ok(()) => Poll::Ready(Moved::Done),
                Err(error) => Poll::Ready(Moved::Sink(error)),
            }
        }
    };
}

direction! {
    /// From the client to the origin. `seen` looks at each piece before it is passed on.
    poll_up: ClientSide<'_> => OriginSide
}
direction! {
    /// From the origin to the client. `seen` looks at each piece before it is passed on.
    poll_down: OriginSide => ClientSide<'_>
}
