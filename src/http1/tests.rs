//! Heads and bodies byte by byte: however they are cut, they have one reading or none.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::body::{BodyError, Decoder, Frame, Step};
use super::fields::{Fields, Known};
use super::parse::{Framing, HeadError, HeadLimits, RequestHead, request, response};

const LIMITS: HeadLimits = HeadLimits { target: 8192, line: 65_536, total: 131_072, count: 100 };

fn whole(text: &[u8]) -> Result<Option<RequestHead>, HeadError> {
    request(&mut BytesMut::from(text), &LIMITS)
}

/// Reads a head that comes in two pieces.
fn cut(text: &[u8], at: usize) -> Result<Option<RequestHead>, HeadError> {
    let mut buffer = BytesMut::from(&text[..at]);
    if let done @ (Ok(Some(_)) | Err(_)) = request(&mut buffer, &LIMITS) {
        return done;
    }
    buffer.extend_from_slice(&text[at..]);
    request(&mut buffer, &LIMITS)
}

fn shown(head: &RequestHead) -> String {
    let fields: Vec<_> = head.fields.iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
    format!("{} {:?} {:?} {:?} {fields:?}", head.method, head.target, head.version, head.framing)
}

#[test]
fn a_head_is_read_once() {
    let text = b"\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length:  12 \r\nEmpty:\r\n\r\nbody";
    let mut buffer = BytesMut::from(&text[..]);
    let head = request(&mut buffer, &LIMITS).expect("a head").expect("a whole one");
    assert_eq!(
        (head.target.as_ref(), head.framing, &buffer[..]),
        (b"/a?b".as_slice(), Framing::Length(12), b"body".as_slice())
    );
    assert_eq!(head.fields.first(Known::Host), Some(b"x".as_slice()));
    assert_eq!(value(&head.fields, "empty"), Some(b"".as_slice()));
}

#[test]
fn response_framings() {
    let get = http::Method::GET;
    for (text, to, want) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &get, Ok(Framing::Length(5))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &http::Method::HEAD, Ok(Framing::Empty)),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", &get, Ok(Framing::Empty)),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", &get, Ok(Framing::Empty)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &get, Ok(Framing::Chunked)),
        ("HTTP/1.0 200\r\n\r\n", &get, Ok(Framing::UntilClose)),
        ("HTTP/1.1 099 No\r\n\r\n", &get, Err(())),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", &get, Err(())),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", &get, Err(())),
        ("HTTP/1.1 200 OK\nX: y\r\n\r\n", &get, Err(())),
    ] {
        let read = response(&mut BytesMut::from(text), to, &LIMITS);
        assert_eq!(read.map(|head| head.expect("a whole one").framing).map_err(|_| ()), want, "{text:?}");
    }
}

/// Everything that a decoder gives for these bytes, fed in pieces of this size.
fn decode(framing: Framing, text: &[u8], piece: usize) -> Result<(Vec<u8>, bool, Option<Fields>), BodyError> {
    let mut decoder = Decoder::new(framing);
    let mut buffer = BytesMut::new();
    let mut body = Vec::new();
    let mut pieces = text.chunks(piece.max(1));
    loop {
        match decoder.step(&mut buffer)? {
            Step::Frame(Frame::Data(data)) => body.extend_from_slice(&data),
            Step::Frame(Frame::End(trailers)) => return Ok((body, true, trailers)),
            Step::Hungry => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => {
                    decoder.end_of_stream()?;
                    return Ok((body, false, None));
                }
            },
        }
    }
}

#[test]
fn trailers_are_read() {
    let text = b"3;x=\"y\"\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
    for piece in 1..text.len() {
        let (body, ended, trailers) = decode(Framing::Chunked, text, piece).expect("a body");
        assert_eq!((body.as_slice(), ended), (b"abc".as_slice(), true));
        assert_eq!(value(&trailers.expect("trailers"), "x-sum"), Some(b"1".as_slice()));
    }
}

#[test]
fn bodies_that_break_off_are_short() {
    for (framing, text) in [
        (Framing::Length(4), b"abc".as_slice()),
        (Framing::Chunked, b"4\r\nabc"),
        (Framing::Chunked, b"3\r\nabc\r\n"),
    ] {
        assert!(matches!(decode(framing, text, 2), Err(BodyError::Short)), "{framing:?}");
    }
    assert!(decode(Framing::UntilClose, b"abc", 2).is_ok_and(|(body, ..)| body == b"abc"));
}

#[test]
fn known_names_in_any_letters() {
    for (name, known) in [
        ("Host", Known::Host),
        ("x-FORWARDED-for", Known::XForwardedFor),
        ("X-FD-Anything", Known::Reserved),
        ("x-azure-requestchain", Known::RequestChain),
        ("X-Azure-DebugInfo", Known::DebugInfo),
        ("X-FD", Known::Other),
        ("Hostess", Known::Other),
        ("", Known::Other),
    ] {
        assert_eq!(Known::of(name.as_bytes()), known, "{name}");
    }
}

proptest! {
    /// Where a head is cut makes no difference, refused or not (law 7: and nothing panics).
    #[test]
    fn cuts_make_no_difference(
        line in "(GET|POST|G T|get) (/[a-z?/%]{0,8}|\\*|http://h/) HTTP/1\\.[01]",
        fields in prop::collection::vec("(Host|X-A|Content-Length|Transfer-Encoding|Connection):[ ]?(h|3|chunked|a,b|\\+3)?", 0..5),
        end in "(\r\n|\n|\r)",
        at in 0.0..1.0_f64,
    ) {
        let text = format!("{line}{end}{}{end}", fields.iter().map(|f| format!("{f}{end}")).collect::<String>());
        let at = (text.len() as f64 * at) as usize;
        let (one, other) = (whole(text.as_bytes()), cut(text.as_bytes(), at));
        match (&one, &other) {
            (Ok(Some(a)), Ok(Some(b))) => prop_assert_eq!(shown(a), shown(b)),
            // Half of a hopeless head may be refused early.
            (Err(_), Err(_)) | (Ok(None), Ok(None) | Err(_)) => {}
            _ => prop_assert!(false, "{:?}: {:?} and {:?}", text, one, other),
        }
    }

    /// No bytes panic, whatever they claim (law 7).
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..20) {
        let _ = whole(&bytes);
        let _ = response(&mut BytesMut::from(&bytes[..]), &http::Method::GET, &LIMITS);
        for framing in [Framing::Chunked, Framing::Length(50), Framing::UntilClose] {
            let _ = decode(framing, &bytes, piece);
        }
    }

    /// A chunked body is the same however it was chunked and however it comes.
    #[test]
    fn chunks_add_up(body in prop::collection::vec(any::<u8>(), 0..300), size in 1_usize..100, piece in 1_usize..50) {
        let mut text = Vec::new();
        for chunk in body.chunks(size) {
            text.extend(format!("{:X}\r\n", chunk.len()).bytes());
            text.extend(chunk);
            text.extend(b"\r\n");
        }
        text.extend(b"0\r\n\r\n");
        let (read, ended, _) = decode(Framing::Chunked, &text, piece).expect("a body");
        prop_assert!(ended && read == body);
        let _ = Bytes::from(read);
    }
}

fn value<'f>(fields: &'f Fields, name: &str) -> Option<&'f [u8]> {
    fields.iter().find(|f| f.name.eq_ignore_ascii_case(name.as_bytes())).map(|f| f.value)
}
