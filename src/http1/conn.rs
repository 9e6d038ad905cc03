//! A buffered HTTP/1 connection, to a client or an origin: heads and bodies in, heads and bodies out, both at once.
//! Holds no buffer while it is idle.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::body::{BodyError, Decoder, Frame, Step};
use super::parse::{Framing, HeadError, HeadLimits, RequestHead, ResponseHead, request, response};

/// One read of a head.
const HEAD_READ: usize = 4 << 10;
/// One read of a body.
const BODY_READ: usize = 64 << 10;
/// Pieces up to this size are copied behind what waits already; larger ones are written from where they lie.
const COPY_MAX: usize = 4 << 10;
/// What may wait to be written before the other side has to.
const OUTBOX_MAX: usize = 64 << 10;

/// How the outgoing body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Empty,
    Length(u64),
    Chunked,
    Raw,
}

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Conn<S> {
    io: S,
    /// Read and not yet understood.
    inbox: BytesMut,
    /// Written next.
    outbox: BytesMut,
    /// Written right after the outbox, without a copy.
    bulk: Bytes,
    /// Written right after the bulk: the line end of a chunk, and what follows it.
    after: BytesMut,
    decoder: Decoder,
    encoding: Encoding,
    ended: bool,
    flushed: bool,
    /// The connection has to end in a reset: what was sent has no other mark of being incomplete.
    pub abort: bool,
    /// Bytes read so far, counted where they leave the socket (or TLS).
    pub bytes_in: u64,
    /// Bytes written so far.
    pub bytes_out: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conn<S> {
    pub fn new(io: S) -> Self {
        Self {
            io,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            bulk: Bytes::new(),
            after: BytesMut::new(),
            decoder: Decoder::new(Framing::Empty),
            encoding: Encoding::Empty,
            ended: true,
            flushed: true,
            abort: false,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    pub const fn io(&self) -> &S {
        &self.io
    }

    /// The stream, with the bytes that were read off it and not used.
    pub fn into_parts(self) -> (S, BytesMut) {
        (self.io, self.inbox)
    }

    /// Whether bytes wait that nobody has read: a pipelined request, or garbage of an origin.
    pub fn has_input(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// The waiting bytes.
    pub fn input(&self) -> &[u8] {
        &self.inbox
    }

    /// Reads once; the number of bytes, 0 at the end of the stream. Goes over the stack, so that a connection
    /// that waits for its next head owns no buffer.
    fn poll_fill_small(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stack = [const { MaybeUninit::<u8>::uninit() }; HEAD_READ];
        let mut buffer = ReadBuf::uninit(&mut stack);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        self.inbox.extend_from_slice(read);
        self.bytes_in += read.len() as u64;
        Poll::Ready(Ok(read.len()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        self.inbox.reserve(room);
        let read = ready!(pin!(self.io.read_buf(&mut self.inbox)).poll(cx))?;
        self.bytes_in += read as u64;
        Poll::Ready(Ok(read))
    }

    /// Waits for the first byte of the next message; false at the end of the stream.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn wait_for_input(&mut self) -> io::Result<bool> {
        if self.has_input() {
            return Ok(true);
        }
        self.inbox = BytesMut::new();
        self.outbox = BytesMut::new();
        std::future::poll_fn(|cx| self.poll_fill_small(cx)).await.map(|read| read > 0)
    }

    /// Reads once more behind what is waiting; the number of bytes, 0 at the end of the stream.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read_more(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_fill_small(cx)).await
    }

    /// The next request's head; None where the client closed before it began one.
    ///
    /// # Errors
    /// The outer one is the socket's, the inner one is what is wrong with the head.
    pub async fn read_request(
        &mut self,
        limits: &HeadLimits,
    ) -> io::Result<Result<Option<RequestHead>, HeadError>> {
        loop {
            match request(&mut self.inbox, limits) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    self.decoder = Decoder::new(head.framing);
                    return Ok(Ok(Some(head)));
                }
                Err(error) => return Ok(Err(error)),
            }
            if std::future::poll_fn(|cx| self.poll_fill_small(cx)).await? == 0 {
                let broken = (!self.inbox.is_empty()).then_some(HeadError::Malformed("the head breaks off"));
                return Ok(broken.map_or(Ok(None), Err));
            }
        }
    }

    /// The next response's head. `Ok(Err(None))` inside: the origin closed before a whole head.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        to: &http::Method,
        limits: &HeadLimits,
    ) -> Poll<io::Result<Result<ResponseHead, Option<HeadError>>>> {
        loop {
            match response(&mut self.inbox, to, limits) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    self.decoder = Decoder::new(head.framing);
                    return Poll::Ready(Ok(Ok(head)));
                }
                Err(error) => return Poll::Ready(Ok(Err(Some(error)))),
            }
            if ready!(self.poll_fill(cx, HEAD_READ))? == 0 {
                return Poll::Ready(Ok(Err(None)));
            }
        }
    }

    /// Puts a head in front of what is written next and says how its body will be framed.
    pub fn send_head(&mut self, framing: Framing, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.outbox);
        self.flushed = false;
        self.ended = framing == Framing::Empty;
        self.encoding = match framing {
            Framing::Empty => Encoding::Empty,
            Framing::Length(length) => Encoding::Length(length),
            Framing::Chunked => Encoding::Chunked,
            Framing::UntilClose => Encoding::Raw,
        };
    }

    /// From here on both directions are bytes without framing (after 101).
    pub fn make_raw(&mut self) {
        self.decoder = Decoder::new(Framing::UntilClose);
        self.encoding = Encoding::Raw;
        self.ended = false;
    }

    /// The next piece of the incoming body.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
        loop {
            if let Step::Frame(frame) = self.decoder.step(&mut self.inbox)? {
                return Poll::Ready(Ok(frame));
            }
            if ready!(self.poll_fill(cx, BODY_READ))? == 0 {
                return Poll::Ready(self.decoder.end_of_stream());
            }
        }
    }

    /// Whether the incoming body was read to its end.
    pub fn body_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// Ready when the other side is gone; bytes that come instead stay for the next message.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_input() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill_small(cx)) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => Poll::Pending,
        }
    }

    /// Ready when another frame may be sent.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.bulk.is_empty() || self.outbox.len() >= OUTBOX_MAX {
            ready!(self.poll_write_some(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes a piece of the outgoing body. Call only when [`Self::poll_ready`] was.
    ///
    /// # Errors
    /// More bytes than the head promised, or fewer at the end.
    pub fn send(&mut self, frame: Frame) -> Result<(), BodyError> {
        self.flushed = false;
        match (frame, self.encoding) {
            (Frame::Data(data), _) if data.is_empty() => {}
            (Frame::Data(data), Encoding::Length(left)) => {
                let Some(left) = left.checked_sub(data.len() as u64) else {
                    return Err(BodyError::Malformed("the body is longer than its Content-Length"));
                };
                self.encoding = Encoding::Length(left);
                self.append(data);
            }
            (Frame::Data(data), Encoding::Chunked) => {
                put_chunk_size(&mut self.outbox, data.len());
                self.append(data);
                self.tail().put_slice(b"\r\n");
            }
            (Frame::Data(data), Encoding::Raw) => self.append(data),
            (Frame::Data(_), Encoding::Empty) => {
                return Err(BodyError::Malformed("a body where none may be"));
            }
            (Frame::End(_), Encoding::Length(left)) if left > 0 => return Err(BodyError::Short),
            (Frame::End(trailers), Encoding::Chunked) => {
                let tail = self.tail();
                tail.put_slice(b"0\r\n");
                for field in trailers.iter().flat_map(super::fields::Fields::iter) {
                    put_field(tail, field.name, field.value);
                }
                tail.put_slice(b"\r\n");
                self.ended = true;
            }
            (Frame::End(_), _) => self.ended = true,
        }
        Ok(())
    }

    fn append(&mut self, data: Bytes) {
        if data.len() <= COPY_MAX {
            self.outbox.put_slice(&data);
        } else {
            self.bulk = data;
        }
    }

    /// Where small pieces go: behind the bulk while there is one.
    fn tail(&mut self) -> &mut BytesMut {
        if self.bulk.is_empty() { &mut self.outbox } else { &mut self.after }
    }

    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = if self.bulk.is_empty() {
            ready!(Pin::new(&mut self.io).poll_write(cx, &self.outbox))?
        } else if self.outbox.is_empty() {
            ready!(Pin::new(&mut self.io).poll_write(cx, &self.bulk))?
        } else {
            let parts = [io::IoSlice::new(&self.outbox), io::IoSlice::new(&self.bulk)];
            ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &parts))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.bytes_out += written as u64;
        let head = written.min(self.outbox.len());
        if head == self.outbox.len() {
            self.outbox.clear();
        } else {
            let _ = self.outbox.split_to(head);
        }
        let _ = self.bulk.split_to(written - head);
        if self.bulk.is_empty() && !self.after.is_empty() {
            self.outbox.unsplit(self.after.split());
        }
        Poll::Ready(Ok(()))
    }

    /// Ready when everything is with the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushed {
            return Poll::Ready(Ok(()));
        }
        while !self.outbox.is_empty() || !self.bulk.is_empty() {
            ready!(self.poll_write_some(cx))?;
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Whether the outgoing body was sent to its end.
    pub const fn sent_all(&self) -> bool {
        self.ended
    }

    /// Whether only the end of the connection tells where the outgoing body ends.
    pub fn ends_by_closing(&self) -> bool {
        self.encoding == Encoding::Raw
    }

    /// Ends the writing direction.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Reads and forgets; the number of bytes, 0 at the end. For closing without a reset.
    pub async fn discard(&mut self) -> io::Result<usize> {
        self.inbox.clear();
        std::future::poll_fn(|cx| self.poll_fill_small(cx)).await
    }

    /// Whether a pooled connection is still as it was left: open, and silent.
    pub fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        !self.has_input() && self.poll_fill_small(&mut cx).is_pending()
    }
}

/// `name: value` and a line end.
pub fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

fn put_chunk_size(out: &mut BytesMut, size: usize) {
    let mut digits = [0_u8; 16];
    let mut at = digits.len();
    let mut left = size;
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[left & 15];
        left >>= 4;
        if left == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
    out.put_slice(b"\r\n");
}
