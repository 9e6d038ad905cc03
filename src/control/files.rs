//! Files that change: routes.toml and the certificates. Folders are watched, so that renames and symlink swaps are
//! seen; a burst of events is one change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify_debouncer_full::notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

use super::change::Control;

/// How long a file has to be quiet before it is read.
const QUIET: Duration = Duration::from_millis(50);

/// Watches while it lives.
pub struct Watching {
    _debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watching")
    }
}

/// Reads the table's file and makes it serve; a file that cannot be read changes nothing.
pub fn reload(control: &Control, path: &Path, by: &str) {
    match std::fs::read_to_string(path) {
        Ok(text) => drop(control.apply(&text, None, by)),
        Err(error) => {
            tracing::warn!(file = %path.display(), %error, "the table was not read, the old one stays")
        }
    }
}

/// Starts watching `config` and the certificates that the present table names.
///
/// # Errors
/// The operating system refuses to watch a folder.
pub fn watch(control: Arc<Control>, config: PathBuf) -> notify_debouncer_full::notify::Result<Watching> {
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut folders: BTreeSet<PathBuf> =
        control.live().pin().tls.watched().iter().map(|p| folder(p)).collect();
    folders.insert(folder(&config));
    let mut last = fingerprints(&control, &config);
    let on_change = move |result: DebounceEventResult| {
        if result.is_err() {
            return;
        }
        // Whatever happened in the folder: only what a file says counts.
        let now = fingerprints(&control, &config);
        if now.0 != last.0 {
            reload(&control, &config, "file");
        }
        if now.1 != last.1 {
            control.reload_certificates();
        }
        last = fingerprints(&control, &config);
    };
    let mut debouncer = new_debouncer(QUIET, None, on_change)?;
    for folder in folders {
        debouncer.watch(&folder, RecursiveMode::NonRecursive)?;
    }
    Ok(Watching { _debouncer: debouncer })
}

type Bytes = Option<Vec<u8>>;

/// What the files say now: the table, and the certificates.
fn fingerprints(control: &Control, config: &Path) -> (Bytes, Vec<Bytes>) {
    let read = |path: &Path| std::fs::read(path).ok();
    let pinned = control.live().pin();
    (read(config), pinned.tls.watched().iter().map(|path| read(path)).collect())
}
