//! Access lines: handed over by the workers, written by one thread, dropped and counted when it cannot keep up.

pub mod record;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use prometheus::IntCounter;

use crate::config::AccessLog as Target;
use crate::model::limits::ACCESS_LOG_QUEUE;

enum Message {
    Line(Vec<u8>),
    /// Open the file anew: it may have been moved away.
    Reopen,
    /// Answer when everything before this is written.
    Flush(SyncSender<()>),
}

/// The workers' end.
#[derive(Debug, Clone)]
pub struct AccessLog {
    queue: Option<SyncSender<Message>>,
    dropped: IntCounter,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Message")
    }
}

impl AccessLog {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The file cannot be opened, or no thread can be started.
    pub fn start(target: Target, dropped: IntCounter) -> io::Result<Self> {
        let mut sink = match target {
            Target::Off => return Ok(Self { queue: None, dropped }),
            Target::Stdout => Sink::Stdout,
            Target::File(path) => Sink::File(open(&path)?, path),
        };
        let (queue, lines) = sync_channel(ACCESS_LOG_QUEUE);
        let lost = dropped.clone();
        std::thread::Builder::new()
            .name(String::from("access-log"))
            .spawn(move || write(&lines, &mut sink, &lost))?;
        Ok(Self { queue: Some(queue), dropped })
    }

    /// Whether lines are wanted at all.
    pub const fn is_on(&self) -> bool {
        self.queue.is_some()
    }

    /// Hands over a line without its line end. Never waits.
    pub fn line(&self, line: Vec<u8>) {
        if let Some(queue) = &self.queue
            && queue.try_send(Message::Line(line)).is_err()
        {
            self.dropped.inc();
        }
    }

    pub fn reopen(&self) {
        if let Some(queue) = &self.queue {
            // A full queue is being written; the next rotation tries again.
            let _ = queue.try_send(Message::Reopen);
        }
    }

    /// Waits until everything handed over so far is written.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if let Some(queue) = &self.queue
            && queue.send(Message::Flush(done)).is_ok()
        {
            // The writer answers, or is gone.
            let _ = wait.recv();
        }
    }
}

enum Sink {
    Stdout,
    File(File, PathBuf),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::File(file, _) => file.write_all(bytes),
        }
    }
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Bytes that are written in one go.
const BATCH: usize = 64 << 10;

fn write(lines: &Receiver<Message>, sink: &mut Sink, lost: &IntCounter) {
    let mut batch: Vec<u8> = Vec::with_capacity(BATCH);
    let mut count = 0;
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        let mut waiting: Option<SyncSender<()>> = None;
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    batch.push(b'\n');
                    count += 1;
                }
                Message::Reopen => {
                    if let Sink::File(file, path) = sink
                        && let Ok(fresh) = open(path)
                    {
                        *file = fresh;
                    }
                }
                Message::Flush(done) => waiting = Some(done),
            }
            next = if batch.len() < BATCH && waiting.is_none() { lines.try_recv().ok() } else { None };
        }
        if !batch.is_empty() && sink.write(&batch).is_err() {
            lost.inc_by(count);
        }
        batch.clear();
        count = 0;
        if let Some(done) = waiting {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}
