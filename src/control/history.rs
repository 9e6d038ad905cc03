//! Generations kept for rollback: who, when, what changed, and the text. Bounded; on disk if asked.
//! Losing the file loses the past of before this process, nothing else (law 8).

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::diff::Change;
use crate::model::limits::HISTORY_GENERATIONS;
use crate::model::snapshot::Generation;

/// One generation of the past, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEntry {
    pub generation: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// `start`, `file`, `signal`, `api`, `rollback to N`.
    pub by: String,
    pub changes: Vec<Change>,
    pub can_roll_back: bool,
    pub current: bool,
}

/// One generation of the past, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    pub generation: u64,
    pub at: String,
    pub by: String,
    pub changes: Vec<Change>,
    pub text: Arc<str>,
}

#[derive(Debug, Default)]
pub struct History {
    kept: VecDeque<Kept>,
    file: Option<PathBuf>,
}

impl History {
    /// What `file` remembers; a file that is not there or broken remembers nothing.
    pub fn open(file: Option<PathBuf>) -> Self {
        let text = file.as_deref().map(fs::read_to_string).and_then(Result::ok).unwrap_or_default();
        let mut kept: VecDeque<Kept> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        while kept.len() > HISTORY_GENERATIONS {
            kept.pop_front();
        }
        Self { kept, file }
    }

    /// The newest generation that is remembered.
    pub fn last(&self) -> Option<&Kept> {
        self.kept.back()
    }

    pub fn add(&mut self, entry: Kept) {
        self.kept.push_back(entry);
        if self.kept.len() > HISTORY_GENERATIONS {
            self.kept.pop_front();
        }
        if let Some(file) = &self.file
            && let Err(error) = self.save(file)
        {
            tracing::warn!(file = %file.display(), %error, "history was not written; it is kept in memory");
        }
    }

    fn save(&self, file: &Path) -> std::io::Result<()> {
        let beside = file.with_extension("new");
        let mut out = fs::File::create(&beside)?;
        for entry in &self.kept {
            serde_json::to_writer(&mut out, entry)?;
            out.write_all(b"\n")?;
        }
        fs::rename(&beside, file)
    }

    /// The text of a generation; of the one before `current` without a number.
    pub fn text(&self, wanted: Option<Generation>, current: Generation) -> Option<(Generation, Arc<str>)> {
        let found = self.kept.iter().rev().find(|kept| match wanted {
            Some(wanted) => kept.generation == wanted.0,
            None => kept.generation < current.0,
        });
        found.map(|kept| (Generation(kept.generation), kept.text.clone()))
    }

    /// Newest first.
    pub fn list(&self, current: Generation) -> Vec<HistoryEntry> {
        let entry = |kept: &Kept| HistoryEntry {
            generation: kept.generation,
            at: kept.at.clone(),
            by: kept.by.clone(),
            changes: kept.changes.clone(),
            can_roll_back: kept.generation != current.0,
            current: kept.generation == current.0,
        };
        self.kept.iter().rev().map(entry).collect()
    }

    /// The generations that can be rolled back to, for messages.
    pub fn known(&self) -> String {
        self.kept.iter().map(|kept| kept.generation.to_string()).collect::<Vec<_>>().join(", ")
    }
}
