//! Texts of diagnostics: full like rustc's, or one line each.

use std::fmt::Write;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Like rustc's, with the lines of `text`; in colour if asked.
pub fn full(diagnostics: &Diagnostics, text: &str, colour: Colour) -> String {
    let renderer = match colour {
        Colour::On => Renderer::styled(),
        Colour::Off => Renderer::plain(),
    };
    let texts: Vec<String> = diagnostics.0.iter().map(|d| one(d, text, &renderer)).collect();
    texts.join("\n\n")
}

/// Whether a text has terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    On,
    Off,
}

fn one(diagnostic: &Diagnostic, text: &str, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let rule = diagnostic.rule.map_or(String::new(), |rule| format!(" ({rule})"));
    let message = visible(&format!("{}{rule}", diagnostic.message));
    let title = level.primary_title(message).id(diagnostic.code);
    let help = diagnostic.help.as_ref().map(|help| Level::HELP.message(visible(help)));
    let group = match &diagnostic.span {
        Some(span) if span.end <= text.len() => {
            let at = Snippet::source(text)
                .path(&diagnostic.file)
                .annotation(AnnotationKind::Primary.span(span.clone()));
            title.element(at)
        }
        _ => title.elements(std::iter::once(annotate_snippets::Origin::path(&diagnostic.file))),
    };
    renderer.render(&[group.elements(help)])
}

/// Control characters of a hostile file must not reach a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `routes.toml:14:10: error[weight-range]: …` a line.
pub fn lines(diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    for d in &diagnostics.0 {
        let severity = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = if d.line == 0 { d.file.clone() } else { format!("{}:{}:{}", d.file, d.line, d.column) };
        let help = d.help.as_ref().map_or(String::new(), |help| format!("; {}", visible(help)));
        let rule = d.rule.map_or(String::new(), |rule| format!(" ({rule})"));
        // Writing to a string does not fail.
        let _ = writeln!(out, "{place}: {severity}[{}]: {}{rule}{help}", d.code, visible(&d.message));
    }
    out
}
