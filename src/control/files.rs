//! Files that change: routes.toml and the certificates. Folders are watched, so that renames and symlink swaps are
//! seen; a burst of events is one change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, new_debouncer};

use super::change::Control;

/// How long a file has to be quiet before it is read.
const QUIET: Duration = Duration::from_millis(50);
/// How often the folders to watch are compared with what serves: a new table may name files elsewhere.
const LOOK: Duration = Duration::from_secs(1);

/// Watches while it lives.
#[derive(Debug)]
pub struct Watching {
    stop: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
}

enum Wake {
    Changed,
    Stop,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // A thread that has ended already needs no word.
        let _ = self.stop.send(Wake::Stop);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the watcher of files panicked");
        }
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

/// Starts watching `config` and whatever certificates the table in force names.
///
/// # Errors
/// The operating system refuses to watch the table's folder, or no thread can be started.
pub fn watch(control: Arc<Control>, config: PathBuf) -> notify::Result<Watching> {
    let (stop, woken) = channel();
    let wake = stop.clone();
    let told = move |result: DebounceEventResult| {
        if result.is_ok() {
            // Nobody listens once the edge ends.
            let _ = wake.send(Wake::Changed);
        }
    };
    let mut debouncer = new_debouncer(QUIET, None, told)?;
    let mut folders = BTreeSet::new();
    let own = folder(&config);
    debouncer.watch(&own, RecursiveMode::NonRecursive)?;
    folders.insert(own);
    let mut last = Said::now(&control, &config);
    let run = move || {
        loop {
            for folder in control.live().pin().tls.watched().iter().map(|path| folder(path)) {
                // A folder that is not there yet is tried again at the next look.
                if !folders.contains(&folder) && debouncer.watch(&folder, RecursiveMode::NonRecursive).is_ok()
                {
                    folders.insert(folder);
                }
            }
            match woken.recv_timeout(LOOK) {
                Ok(Wake::Changed) => last = follow(&control, &config, last),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    let thread =
        std::thread::Builder::new().name(String::from("files")).spawn(run).map_err(notify::Error::io)?;
    Ok(Watching { stop, thread: Some(thread) })
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Whatever happened in a folder: only what the files say counts. What is returned is what was looked at here, so
/// that a file which changes meanwhile is seen as changed at its own event.
fn follow(control: &Control, config: &Path, last: Said) -> Said {
    let mut now = Said::now(control, config);
    if now.table != last.table {
        reload(control, config, "file");
    }
    if now.certificates != last.certificates {
        control.reload_certificates();
    }
    // A new table may name other files, which it has just read.
    for path in control.live().pin().tls.watched() {
        now.certificates.entry(path.clone()).or_insert_with(|| std::fs::read(path).ok());
    }
    now
}

/// What the files say.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    table: Option<Vec<u8>>,
    certificates: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl Said {
    fn now(control: &Control, config: &Path) -> Self {
        let read = |path: &Path| std::fs::read(path).ok();
        let pinned = control.live().pin();
        let certificates = pinned.tls.watched().iter().map(|path| (path.clone(), read(path))).collect();
        Self { table: read(config), certificates }
    }
}
