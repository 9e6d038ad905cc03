//! A stream of an HTTP/2 connection to an origin, on pingora's client session.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use pingora::connectors::http::v2::{ConnectionRef, H2HandshakeSettings, handshake};
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::protocols::http::v2::client::Http2Session;

use super::outgoing::Outgoing;
use crate::http1::body::{BodyError, Frame};
use crate::http1::fields::Fields;
use crate::http1::parse::{Framing, ResponseHead, Version};

/// Streams of one connection to an origin at a time.
const STREAMS_MAX: usize = 100;

/// Makes an HTTP/2 connection of a fresh stream.
///
/// # Errors
/// pingora's, where the origin does not speak HTTP/2.
pub async fn connect(stream: Stream) -> pingora::Result<ConnectionRef> {
    let mut settings = H2HandshakeSettings::new();
    settings.max_streams = STREAMS_MAX;
    settings.stream_window_size = Some(1 << 20);
    settings.connection_window_size = Some(8 << 20);
    handshake(stream, settings).await
}

/// One request to an origin over HTTP/2.
pub struct OriginStream {
    session: Http2Session,
    outgoing: Option<Outgoing>,
    data_done: bool,
    done: bool,
    pub bytes_in: u64,
}

impl std::fmt::Debug for OriginStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OriginStream")
            .field("outgoing", &self.outgoing)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl OriginStream {
    pub const fn new(session: Http2Session) -> Self {
        Self { session, outgoing: None, data_done: false, done: false, bytes_in: 0 }
    }

    /// # Errors
    /// pingora's: the connection is going away.
    pub fn send_head(&mut self, parts: Parts, end: bool) -> pingora::Result<()> {
        self.session.write_request_header(Box::new(RequestHeader::from(parts)), end)?;
        self.outgoing = if end { None } else { self.session.take_request_body_writer().map(Outgoing::new) };
        Ok(())
    }

    pub fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, h2::Error>> {
        ready!(self.session.poll_read_response_header(cx))?;
        let (status, fields) = match self.session.response_header() {
            Some(head) => (head.status.as_u16(), Fields::from_map(&head.headers)),
            None => return Poll::Ready(Err(h2::Reason::INTERNAL_ERROR.into())),
        };
        let framing = if self.session.response_finished() { Framing::Empty } else { Framing::Chunked };
        let bytes = fields.iter().map(|f| f.name.len() + f.value.len() + 4).sum();
        Poll::Ready(Ok(ResponseHead { status, version: Version::Http2, fields, framing, bytes }))
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
        if self.done {
            return Poll::Ready(Ok(Frame::End(None)));
        }
        if !self.data_done {
            if let Some(data) = ready!(self.session.poll_read_response_body(cx)) {
                let data = data?;
                self.bytes_in += data.len() as u64;
                return Poll::Ready(Ok(Frame::Data(data)));
            }
            self.data_done = true;
        }
        let trailers = ready!(pin!(self.session.read_trailers()).poll(cx)).map_err(|_| BodyError::Short)?;
        self.done = true;
        Poll::Ready(Ok(Frame::End(trailers.map(|map| Fields::from_map(&map)))))
    }

    pub const fn body_done(&self) -> bool {
        self.done
    }

    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        self.outgoing.as_mut().map_or(Poll::Ready(Ok(())), |out| out.poll_ready(cx))
    }

    /// # Errors
    /// The stream was reset.
    pub fn send(&mut self, frame: Frame, last: bool) -> Result<(), BodyError> {
        match &mut self.outgoing {
            Some(out) => out.send(frame, last),
            None => Ok(()),
        }
    }
}
