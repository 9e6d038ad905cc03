//! Reads a parsed file section by section: every value with its place, every mistake noted, none hiding another.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::nearest::nearest;
use crate::model::bounds::OutOfRange;

/// Mistakes that are told one by one; a hostile file may have millions.
const MISTAKES_MAX: usize = 200;

/// Collects diagnostics of one file.
#[derive(Debug)]
pub struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    /// Byte offset of the start of every line.
    lines: Vec<usize>,
    /// Key and name of every `[key.NAME]` met so far, those with mistakes too.
    written: RefCell<BTreeSet<(&'static str, String)>>,
    out: RefCell<Vec<Diagnostic>>,
    untold: Cell<usize>,
}

/// A mistake in the making.
#[derive(Debug, Clone, Default)]
pub struct Note {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    pub rule: Option<&'static str>,
}

impl Note {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, rule: None }
    }

    /// For what an operator calls things; the parser's refusal is the message.
    pub fn name() -> Self {
        Self::new("name", "").rule("FD-A6").help("use letters, digits and hyphens, such as west-europe")
    }

    /// For a host; the parser's refusal is the message.
    pub fn host() -> Self {
        Self::new("host", "").help("write a DNS name or an IP address")
    }

    /// For a domain; the parser's refusal is the message.
    pub fn domain_name() -> Self {
        Self::new("domain-name", "").help("write a DNS name, or *.NAME for every name with one more label")
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn rule(mut self, rule: &'static str) -> Self {
        self.rule = Some(rule);
        self
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'t> Reader<'t> {
    pub fn new(file: &'t str, text: &'t str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self { file, text, lines, written: RefCell::default(), out: RefCell::default(), untold: Cell::new(0) }
    }

    /// Line and column (in characters) of a byte, from 1.
    pub fn place(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= at).max(1);
        let start = self.lines[line - 1];
        let column = self.text.get(start..at).map_or(1, |t| t.chars().count() + 1);
        (line, column)
    }

    pub fn error(&self, span: &Range<usize>, note: Note) {
        self.note(Severity::Error, span, note);
    }

    pub fn warn(&self, span: &Range<usize>, note: Note) {
        self.note(Severity::Warning, span, note);
    }

    fn note(&self, severity: Severity, span: &Range<usize>, note: Note) {
        let (line, column) = self.place(span.start);
        let Note { code, message, help, rule } = note;
        let (file, span) = (self.file.to_owned(), Some(span.clone()));
        let mut out = self.out.borrow_mut();
        if out.len() >= MISTAKES_MAX {
            return self.untold.set(self.untold.get() + 1);
        }
        out.push(Diagnostic { severity, code, message, help, rule, file, line, column, span });
    }

    /// Whether `[key.NAME]` stands in the file. What a mistake of its own keeps out of the table is not missing.
    pub fn is_written(&self, key: &str, name: &str) -> bool {
        self.written.borrow().iter().any(|(k, n)| *k == key && n == name)
    }

    pub fn has_errors(&self) -> bool {
        self.out.borrow().iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them, in the order of the file.
    pub fn finish(self) -> Diagnostics {
        let mut all = self.out.into_inner();
        let (untold, last) = (self.untold.get(), all.iter().map(|d| (d.line, d.column)).max());
        if let (1.., Some((line, column))) = (untold, last) {
            let message = format!("{untold} more mistakes are not told");
            let help = Some(String::from("mend these first"));
            let (severity, file) = (Severity::Error, self.file.to_owned());
            all.push(Diagnostic {
                severity,
                code: "many-mistakes",
                message,
                help,
                rule: None,
                file,
                line,
                column,
                span: None,
            });
        }
        all.sort_by_key(|d| (d.line, d.column));
        all.dedup();
        Diagnostics(all)
    }
}

/// One table of the file.
#[derive(Debug)]
pub struct Section<'r, 't> {
    pub reader: &'r Reader<'t>,
    table: &'r DeTable<'t>,
    /// Such as `origin_groups.bot`.
    pub path: String,
    pub span: Range<usize>,
    known: RefCell<Vec<&'static str>>,
}

impl<'r, 't> Section<'r, 't> {
    pub fn new(reader: &'r Reader<'t>, table: &'r DeTable<'t>, path: String, span: Range<usize>) -> Self {
        Self { reader, table, path, span, known: RefCell::default() }
    }

    fn inside(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn value(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub fn is_text(&self, key: &'static str) -> bool {
        self.value(key).is_some_and(|value| value.get_ref().is_str())
    }

    pub fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// Where a key's value stands, or the section where it is missing.
    pub fn span_of(&self, key: &'static str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub fn error(&self, key: &'static str, note: Note) {
        self.reader.error(&self.span_of(key), note);
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'t>>, wanted: &str) {
        let text = self.reader.text.get(value.span()).filter(|t| t.len() <= SHOWN_MAX && !t.contains('\n'));
        let kind = value.get_ref().type_str();
        let is = text.map_or_else(|| with_article(kind), |text| format!("the {kind} {text}"));
        let message = format!("`{}` is {is}, not {wanted}", self.inside(key));
        self.reader.error(&value.span(), Note::new("wrong-type", message).help(format!("write {wanted}")));
    }

    pub fn text(&self, key: &'static str) -> Option<Located<&'r str>> {
        let value = self.value(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, value, "a text in quotes");
        }
        Some(Located { value: text?, span: value.span() })
    }

    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "true or false");
        }
        flag
    }

    pub fn int(&self, key: &'static str) -> Option<Located<i64>> {
        let value = self.value(key)?;
        let number =
            value.get_ref().as_integer().and_then(|i| i64::from_str_radix(i.as_str(), i.radix()).ok());
        if number.is_none() {
            self.wrong_type(key, value, "a whole number");
        }
        Some(Located { value: number?, span: value.span() })
    }

    /// A whole number in a range.
    pub fn within(&self, key: &'static str, min: i64, max: i64, note: Note) -> Option<i64> {
        let number = self.int(key)?;
        if (min..=max).contains(&number.value) {
            return Some(number.value);
        }
        self.out_of_range(key, &number.span, &OutOfRange { value: number.value, min, max }, note);
        None
    }

    fn out_of_range(&self, key: &str, span: &Range<usize>, range: &OutOfRange, note: Note) {
        let message = format!("{key} {} is outside {}..={}", range.value, range.min, range.max);
        let help =
            note.help.unwrap_or_else(|| format!("choose a number from {} to {}", range.min, range.max));
        self.reader.error(span, Note { message, help: Some(help), ..note });
    }

    /// A number that owns its range.
    pub fn bounded<T: TryFrom<i64, Error = OutOfRange>>(&self, key: &'static str, note: Note) -> Option<T> {
        let number = self.int(key)?;
        match T::try_from(number.value) {
            Ok(value) => Some(value),
            Err(range) => {
                self.out_of_range(key, &number.span, &range, note);
                None
            }
        }
    }

    /// A text that a parser accepts; its refusal is the message.
    pub fn parsed<T, E: Display>(
        &self,
        key: &'static str,
        note: Note,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        let text = self.text(key)?;
        self.parse_at(&text, note, parse)
    }

    pub fn parse_at<T, E: Display>(
        &self,
        text: &Located<&str>,
        note: Note,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        match parse(text.value) {
            Ok(value) => Some(Located { value, span: text.span.clone() }),
            Err(error) => {
                let message = format!("{:?}: {error}", text.value);
                self.reader.error(&text.span, Note { message, ..note });
                None
            }
        }
    }

    /// One of a few words, compared without case (FD-A1).
    pub fn choice<T: Clone>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.word_at(key, &text, words)
    }

    pub fn word_at<T: Clone>(&self, key: &str, text: &Located<&str>, words: &[(&str, T)]) -> Option<T> {
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.value));
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ");
            let message = format!("{key} {:?} is not known", text.value);
            self.reader
                .error(&text.span, Note::new("unknown-word", message).help(format!("write one of {list}")));
        }
        found.map(|(_, value)| value.clone())
    }

    /// A list of texts.
    pub fn list(&self, key: &'static str) -> Option<Vec<Located<&'r str>>> {
        let value = self.value(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts in quotes");
            return None;
        };
        let mut out = Vec::with_capacity(array.len());
        for (at, item) in array.iter().enumerate() {
            match item.get_ref().as_str() {
                Some(text) => out.push(Located { value: text, span: item.span() }),
                None => self.wrong_type(&format!("{key}[{at}]"), item, "a text in quotes"),
            }
        }
        Some(out)
    }

    /// The table under a key.
    pub fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, "a table");
            return None;
        };
        Some(Self::new(self.reader, table, self.inside(key), value.span()))
    }

    /// The named tables under a key: `[key.NAME]`.
    pub fn named(&self, key: &'static str) -> Vec<(Located<&'r str>, Self)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let mut out = Vec::new();
        for (name, value) in section.table.iter() {
            let at = Located { value: name.get_ref().as_ref(), span: name.span() };
            self.reader.written.borrow_mut().insert((key, at.value.to_owned()));
            match value.get_ref().as_table() {
                Some(table) => {
                    let path = section.inside(name.get_ref());
                    out.push((at, Self::new(self.reader, table, path, name.span())));
                }
                None => section.wrong_type(name.get_ref(), value, "a table"),
            }
        }
        out
    }

    /// The tables of an array: `[[key]]`.
    pub fn repeated(&self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "an array of tables: [[…]]");
            return Vec::new();
        };
        let mut out = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => out.push(Self::new(self.reader, table, self.inside(key), item.span())),
                None => self.wrong_type(key, item, "a table"),
            }
        }
        out
    }

    /// Keys that nobody asked for are mistakes; the nearest known one is named.
    pub fn finish(self) {
        let known = self.known.borrow();
        for (name, _) in self.table.iter().filter(|(name, _)| !known.contains(&name.get_ref().as_ref())) {
            let message = format!("`{}` is not a key of {}", name.get_ref(), self.title());
            let help = match nearest(name.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", sorted(&known)),
            };
            self.reader.error(&name.span(), Note::new("unknown-key", message).help(help));
        }
    }

    fn title(&self) -> String {
        if self.path.is_empty() { String::from("routes.toml") } else { format!("[{}]", self.path) }
    }
}

/// Longest value that a message repeats. Characters.
const SHOWN_MAX: usize = 40;

fn sorted(words: &[&'static str]) -> String {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    words.join(", ")
}

fn with_article(kind: &str) -> String {
    match kind {
        "integer" | "array" | "offset date-time" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
