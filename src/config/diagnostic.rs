//! A mistake as a value: where, what, which rule, what to do.

use std::ops::Range;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable kebab-case code, such as `weight-range`.
    pub code: &'static str,
    /// One sentence, with the value.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Rule of the specification, such as `FD-A17`.
    pub rule: Option<&'static str>,
    pub file: String,
    /// From 1; 0: the file as a whole.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Byte range in the text.
    #[serde(skip)]
    pub span: Option<Range<usize>>,
}

/// A list of diagnostics, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// A mistake without a place in the text, such as an unreadable certificate file.
    pub fn whole_file(file: &str, code: &'static str, message: String, help: Option<String>) -> Self {
        let severity = Severity::Error;
        let file = file.to_owned();
        Self(vec![Diagnostic {
            severity,
            code,
            message,
            help,
            rule: None,
            file,
            line: 0,
            column: 0,
            span: None,
        }])
    }
}
