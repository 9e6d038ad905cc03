//! What people read when a routes.toml is wrong: every `*.toml` of this folder beside the text that it earns.
//! `UPDATE_GOLDEN=1 cargo test --test golden` writes the texts anew; read the difference as a user would.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tidegate::config::diagnostic::{Diagnostics, Severity};
use tidegate::config::render::{Colour, full, lines};
use tidegate::config::{self};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn tables() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of this test");
    let mut out: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    out.sort();
    out
}

/// Name, text and what `config::read` says of one file.
fn read(path: &Path) -> (String, String, bool, Diagnostics) {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("a table");
    match config::read(&name, &text) {
        Ok(checked) => (name, text, true, checked.warnings),
        Err(diagnostics) => (name, text, false, diagnostics),
    }
}

fn rendered(path: &Path) -> String {
    let (_, text, accepted, diagnostics) = read(path);
    let mut out = String::new();
    let verdict = if accepted { "accepted" } else { "refused" };
    // Writing to a string does not fail.
    let _ = write!(out, "{verdict}\n\n{}\n\n{}", full(&diagnostics, &text, Colour::Off), lines(&diagnostics));
    out
}

/// Every table earns exactly the text beside it.
#[test]
fn texts() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|v| v == "1");
    let mut wrong = String::new();
    for path in tables() {
        let (now, snap) = (rendered(&path), path.with_extension("snap"));
        if update {
            fs::write(&snap, &now).expect("a writable folder");
        }
        let kept = fs::read_to_string(&snap).unwrap_or_default();
        if kept != now {
            let _ = write!(wrong, "=== {}\n--- kept\n{kept}\n--- now\n{now}\n", snap.display());
        }
    }
    assert!(wrong.is_empty(), "UPDATE_GOLDEN=1 accepts what is meant:\n{wrong}");
}

/// No text without its table, and no table forgotten.
#[test]
fn pairs() {
    let tables = tables();
    assert!(tables.len() >= 13, "{} tables", tables.len());
    for entry in fs::read_dir(folder()).expect("the folder of this test") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "snap") {
            assert!(path.with_extension("toml").exists(), "{} has no table", path.display());
        }
    }
}

/// The promise of every mistake: file, line and column inside the text, one sentence, and what to do.
#[test]
fn every_mistake_has_a_place_and_a_remedy() {
    for path in tables() {
        let (name, text, accepted, diagnostics) = read(&path);
        assert!(!diagnostics.is_empty(), "{name} says nothing");
        assert_eq!(accepted, !diagnostics.has_errors(), "{name}");
        for d in &diagnostics.0 {
            let line = text.lines().nth(d.line.wrapping_sub(1));
            let inside = line.is_some_and(|l| (1..=l.chars().count() + 1).contains(&d.column));
            let at_end = d.line == text.lines().count() + 1 && d.column == 1;
            assert!(inside || at_end, "{name}: {}:{} is not in the text", d.line, d.column);
            assert_eq!(d.file, name);
            assert!(!d.message.is_empty(), "{name}: {}", d.code);
            assert!(d.help.as_ref().is_some_and(|h| !h.is_empty()), "{name}: {} has no remedy", d.message);
        }
    }
}

/// Line and one-line text tell the same place: an editor that jumps there lands on the full text's arrow.
#[test]
fn both_texts_name_the_same_places() {
    for path in tables() {
        let (name, text, _, diagnostics) = read(&path);
        let long = full(&diagnostics, &text, Colour::Off);
        for line in lines(&diagnostics).lines() {
            let place = line.split_once(": ").expect("a place").0;
            assert!(long.contains(&format!("--> {place}")), "{name}: {place}\n{long}");
        }
        let colour = full(&diagnostics, &text, Colour::On);
        assert!(colour.contains('\u{1b}') && !long.contains('\u{1b}'), "{name}");
    }
}

/// A warning never refuses, an error always does.
#[test]
fn warnings_alone_are_accepted() {
    let (_, _, accepted, diagnostics) = read(&folder().join("warnings_only.toml"));
    assert!(accepted && diagnostics.0.iter().all(|d| d.severity == Severity::Warning));
}
