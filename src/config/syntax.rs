//! Mistakes of TOML itself. A parser that goes on after a mistake finds many that are none: what is told is the first
//! of a line, nothing after a list that is never closed, and nothing of what is inside a table that stands there twice.

use toml::de::Error;

use super::reader::{Note, Reader};

/// Mistakes looked at; whoever mends these sees the next ones.
const TOLD_MAX: usize = 100;

/// What the parser says of every line inside a list or an inline table that is not closed.
const ADRIFT: [&str; 3] =
    ["missing comma between", "missing key for inline table element", "unexpected `=` in array"];
/// What it says of their end.
const NEVER_CLOSED: [&str; 3] = ["unclosed array", "unclosed inline table", "unexpected `=` in array"];

/// Tells them in the words of someone who edits routes.toml.
pub fn note(reader: &Reader<'_>, text: &str, errors: &[Error]) {
    let says = |error: &Error, starts: &[&str]| starts.iter().any(|s| error.message().starts_with(s));
    let place = |error: &Error| error.span().unwrap_or(0..0);
    let mut errors: Vec<&Error> = errors.iter().collect();
    errors.sort_by_key(|error| place(error).start);
    let never_closed = errors.iter().any(|error| says(error, &NEVER_CLOSED));
    let mut last_line = 0;
    let mut doubled = None;
    for error in errors.into_iter().take(TOLD_MAX) {
        let span = place(error);
        let (line, _) = reader.place(span.start);
        if line == last_line {
            continue;
        }
        let note = if error.message() == "duplicate key" {
            let header = header(text, span.start);
            if doubled == Some(header) {
                continue;
            }
            if span.start < header + text[header..].lines().next().map_or(0, str::len) {
                doubled = Some(header);
            }
            let name = text.get(span.clone()).unwrap_or_default();
            Note::new("duplicate-key", format!("`{name}` stands here for the second time"))
                .help("remove one of them, or give it another name")
        } else {
            Note::new("toml", error.message()).help(remedy(error.message()))
        };
        last_line = line;
        reader.error(&span, note);
        if never_closed && says(error, &ADRIFT) {
            break;
        }
    }
}

/// Where the last `[header]` at or above a place starts; 0 where there is none.
fn header(text: &str, at: usize) -> usize {
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |n| at + n);
    text.get(..end).and_then(|above| above.rfind("\n[")).map_or(0, |at| at + 1)
}

fn remedy(message: &str) -> &'static str {
    let known = [
        ("invalid basic string", "close the quote on the line where it opens"),
        (
            "missing comma between array",
            "separate entries by commas, and close the list that is open here: `]`",
        ),
        (
            "missing comma between key",
            "separate entries by commas, and close the table that is open here: `}`",
        ),
        ("missing key for inline", "close the table that is open here: `}`"),
        ("unclosed array", "close the list with `]`"),
        ("unclosed inline table", "close the table with `}`"),
        ("unexpected leading zero", "write the number without leading zeros"),
        ("invalid float", "write a number, or a text in quotes"),
        ("invalid integer", "write a number, or a text in quotes"),
        ("key with no value", "write KEY = VALUE"),
        ("string values must be quoted", "put the text in quotes"),
        ("unclosed table", "close the name of the table with `]`"),
    ];
    let found = known.into_iter().find(|(start, _)| message.starts_with(start));
    found.map_or("see https://toml.io for the syntax", |(_, remedy)| remedy)
}
