//! Bodies: where one ends, byte for byte. Chunked framing is read strictly and written anew.

use bytes::{Bytes, BytesMut};

use super::fields::Fields;
use super::parse::Framing;

/// Longest chunk-size line with its extensions.
const SIZE_LINE_MAX: usize = 256;
/// All trailer lines together.
const TRAILERS_MAX: usize = 16 << 10;

/// A piece of a message's body.
#[derive(Debug)]
pub enum Frame {
    Data(Bytes),
    /// The end, with trailers where there were any.
    End(Option<Fields>),
}

/// Why a body cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("{0}")]
    Malformed(&'static str),
    /// The connection ended before the body did.
    #[error("the body breaks off")]
    Short,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    H2(#[from] h2::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    Done,
}

/// Reads one body off a buffer.
#[derive(Debug)]
pub struct Decoder {
    state: State,
}

/// What the decoder found.
#[derive(Debug)]
pub enum Step {
    Frame(Frame),
    /// More bytes are needed.
    Hungry,
}

impl Decoder {
    pub const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Empty => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The next piece of what is in `buffer`.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] for chunk framing that is not RFC 9112's.
    pub fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, BodyError> {
        loop {
            match self.state {
                State::Done => return Ok(Step::Frame(Frame::End(None))),
                State::UntilClose if buffer.is_empty() => return Ok(Step::Hungry),
                State::UntilClose => return Ok(Step::Frame(Frame::Data(buffer.split().freeze()))),
                State::Length(left) => return Ok(self.sized(buffer, left, State::Done)),
                State::ChunkData(left) => return Ok(self.sized(buffer, left, State::ChunkEnd)),
                State::ChunkSize => match chunk_size(buffer)? {
                    None => return Ok(Step::Hungry),
                    Some(0) => self.state = State::Trailers,
                    Some(size) => self.state = State::ChunkData(size),
                },
                State::ChunkEnd => {
                    if buffer.len() < 2 {
                        return Ok(Step::Hungry);
                    }
                    if &buffer.split_to(2)[..] != b"\r\n" {
                        return Err(BodyError::Malformed("a chunk does not end where it says"));
                    }
                    self.state = State::ChunkSize;
                }
                State::Trailers => {
                    let Some(trailers) = trailers(buffer)? else { return Ok(Step::Hungry) };
                    self.state = State::Done;
                    let trailers = (!trailers.is_empty()).then_some(trailers);
                    return Ok(Step::Frame(Frame::End(trailers)));
                }
            }
        }
    }

    fn sized(&mut self, buffer: &mut BytesMut, left: u64, then: State) -> Step {
        if buffer.is_empty() {
            return Step::Hungry;
        }
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let left = left - take as u64;
        self.state = match (left, then) {
            (0, then) => then,
            (left, State::Done) => State::Length(left),
            (left, _) => State::ChunkData(left),
        };
        Step::Frame(Frame::Data(buffer.split_to(take).freeze()))
    }

    /// The connection ended: the end of a body that says so, else a break.
    ///
    /// # Errors
    /// [`BodyError::Short`] where bytes are missing.
    pub fn end_of_stream(&mut self) -> Result<Frame, BodyError> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(Frame::End(None))
            }
            _ => Err(BodyError::Short),
        }
    }
}

/// The size of the next chunk; extensions are read over, as RFC 9112 7.1.1 says.
fn chunk_size(buffer: &mut BytesMut) -> Result<Option<u64>, BodyError> {
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        if buffer.len() > SIZE_LINE_MAX {
            return Err(BodyError::Malformed("a chunk-size line is too long"));
        }
        return Ok(None);
    };
    if end > SIZE_LINE_MAX || end == 0 || buffer[end - 1] != b'\r' {
        return Err(BodyError::Malformed("a chunk-size line does not end in CRLF"));
    }
    let line = buffer.split_to(end + 1);
    let line = &line[..end - 1];
    let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    if digits == 0 || digits > 15 {
        return Err(BodyError::Malformed("a chunk size is no hexadecimal number"));
    }
    let rest = line[digits..].trim_ascii_start();
    let clean = line[digits..].iter().all(|b| *b == b'\t' || (b' '..0x7f).contains(b));
    if !(rest.is_empty() && digits == line.len() || rest.first() == Some(&b';')) || !clean {
        return Err(BodyError::Malformed("something other than an extension follows a chunk size"));
    }
    let size = line[..digits]
        .iter()
        .fold(0_u64, |sum, b| sum << 4 | u64::from(char::from(*b).to_digit(16).unwrap_or(0)));
    Ok(Some(size))
}

/// The trailer section up to its empty line.
fn trailers(buffer: &mut BytesMut) -> Result<Option<Fields>, BodyError> {
    if buffer.starts_with(b"\r\n") {
        let _ = buffer.split_to(2);
        return Ok(Some(Fields::default()));
    }
    let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n").map(|at| at + 4) else {
        if buffer.len() > TRAILERS_MAX {
            return Err(BodyError::Malformed("the trailers are too large"));
        }
        return Ok(None);
    };
    let bytes = buffer.split_to(end).freeze();
    let mut lines = [httparse::EMPTY_HEADER; 32];
    let Ok(httparse::Status::Complete((_, parsed))) = httparse::parse_headers(&bytes, &mut lines) else {
        return Err(BodyError::Malformed("the trailers are no header lines"));
    };
    let mut fields = Fields::over(bytes.clone(), parsed.len());
    for line in parsed {
        let at = |part: &[u8]| {
            let from = part.as_ptr() as usize - bytes.as_ptr() as usize;
            (from, from + part.len())
        };
        fields.push_range(at(line.name.as_bytes()), at(line.value));
    }
    // A trailer that would change how the message is read or routed has no business here (RFC 9110 6.5.1).
    if fields.iter().any(|f| {
        f.known.hop_by_hop()
            || matches!(f.known, super::fields::Known::ContentLength | super::fields::Known::Host)
    }) {
        return Err(BodyError::Malformed("a trailer that may not be one"));
    }
    Ok(Some(fields))
}
