//! A stream of a client's HTTP/2 connection.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};

use super::outgoing::Outgoing;
use crate::http1::body::{BodyError, Frame};
use crate::http1::fields::Fields;

/// One request of a client over HTTP/2.
#[derive(Debug)]
pub struct ClientStream {
    respond: SendResponse<Bytes>,
    incoming: RecvStream,
    outgoing: Option<Outgoing>,
    data_done: bool,
    done: bool,
    answered: bool,
    pub bytes_in: u64,
}

impl ClientStream {
    pub fn new(respond: SendResponse<Bytes>, incoming: RecvStream) -> Self {
        let done = incoming.is_end_stream();
        Self { respond, incoming, outgoing: None, data_done: done, done, answered: false, bytes_in: 0 }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
        if self.done {
            return Poll::Ready(Ok(Frame::End(None)));
        }
        if !self.data_done {
            if let Some(data) = ready!(self.incoming.poll_data(cx)) {
                let data = data?;
                self.bytes_in += data.len() as u64;
                self.incoming.flow_control().release_capacity(data.len())?;
                return Poll::Ready(Ok(Frame::Data(data)));
            }
            self.data_done = true;
        }
        let trailers = ready!(self.incoming.poll_trailers(cx))?;
        self.done = true;
        Poll::Ready(Ok(Frame::End(trailers.map(|map| Fields::from_map(&map)))))
    }

    pub const fn body_done(&self) -> bool {
        self.done
    }

    /// Sends the response's head; `end` where no body follows.
    ///
    /// # Errors
    /// The stream was reset.
    pub fn send_head(&mut self, status: u16, headers: HeaderMap, end: bool) -> Result<(), BodyError> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        self.answered = true;
        let stream = self.respond.send_response(response, end)?;
        self.outgoing = (!end).then(|| Outgoing::new(stream));
        Ok(())
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

    pub fn sent_all(&self) -> bool {
        self.answered && self.outgoing.as_ref().is_none_or(Outgoing::is_ended)
    }

    pub fn bytes_out(&self) -> u64 {
        self.outgoing.as_ref().map_or(0, |out| out.bytes)
    }

    /// Ready when the client has reset the stream.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.outgoing {
            Some(out) => out.poll_reset(cx),
            None => self.respond.poll_reset(cx).map(|_| ()),
        }
    }

    /// Cuts the stream so that the client cannot take what it has for the whole.
    pub fn reset(&mut self, reason: h2::Reason) {
        match &mut self.outgoing {
            Some(out) => out.reset(reason),
            None => self.respond.send_reset(reason),
        }
    }
}
