//! Zero-downtime upgrade: the listening sockets go to a new process over a Unix socket (SCM_RIGHTS), the new one
//! says that it serves, and only then the old one drains. A new process that fails changes nothing.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

use super::edge::Sockets;
use crate::config::EdgeSettings;
use crate::model::route::Scheme;
use crate::proxy::listen::Bound;

/// Sockets that are handed over at most; the kernel's own bound is 253 a message.
const SOCKETS_MAX: usize = 250;
/// How long the new process may take to come, and to serve.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What the new process says when it serves.
const SERVING: u8 = b'S';

/// Where sockets are handed over.
pub fn path(edge: &EdgeSettings) -> PathBuf {
    let standard = || std::env::temp_dir().join(format!("tidegate-upgrade-{}.sock", edge.admin.port()));
    edge.upgrade_socket.clone().unwrap_or_else(standard)
}

/// The old process' end: waits for the new one.
#[derive(Debug)]
pub struct Offer {
    listener: UnixListener,
    path: PathBuf,
}

impl Offer {
    /// # Errors
    /// The path cannot be bound.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        // A socket left by a process that is gone; a running edge's is replaced by intention.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path })
    }

    /// Hands `sockets` to whoever comes, and waits until it serves.
    ///
    /// # Errors
    /// Nobody came in time, or the new process ended before it served.
    pub fn hand_over(&self, sockets: &[(String, OwnedFd)], gone: impl Fn() -> bool) -> io::Result<()> {
        let deadline = std::time::Instant::now() + PATIENCE;
        let mut stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if gone() || std::time::Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the new process did not ask for the listeners",
                ));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        send(&stream, sockets)?;
        let mut word = [0];
        stream.read_exact(&mut word)?;
        if word[0] == SERVING {
            Ok(())
        } else {
            Err(io::Error::other("the new process said something unexpected"))
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn send(stream: &UnixStream, sockets: &[(String, OwnedFd)]) -> io::Result<()> {
    let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
    let text = names.join("\n");
    let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(|(_, fd)| fd.as_fd()).collect();
    if fds.len() > SOCKETS_MAX {
        return Err(io::Error::other(format!(
            "{} sockets are more than can be handed over: {SOCKETS_MAX}",
            fds.len()
        )));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("the sockets do not fit into one message"));
    }
    let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes();
    sendmsg(stream, &[IoSlice::new(&length)], &mut ancillary, SendFlags::empty())?;
    (&*stream).write_all(text.as_bytes())
}

/// The new process' end. Saying that it serves is the last thing done with it.
#[derive(Debug)]
pub struct Takeover {
    stream: UnixStream,
}

impl Takeover {
    /// Asks the running edge at `path` for its sockets.
    ///
    /// # Errors
    /// Nobody offers, or what was offered is not what a table needs.
    pub fn ask(path: &Path) -> io::Result<(Self, Sockets)> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut length = [0; 4];
        recvmsg(&stream, &mut [IoSliceMut::new(&mut length)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut fds: Vec<OwnedFd> = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        let mut text = vec![0; (u32::from_be_bytes(length) as usize).min(64 << 10)];
        (&stream).read_exact(&mut text)?;
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        let sockets = sort(text.lines().map(str::to_owned).zip(fds))?;
        Ok((Self { stream }, sockets))
    }

    /// The old process may drain now.
    ///
    /// # Errors
    /// It is gone.
    pub fn serving(mut self) -> io::Result<()> {
        self.stream.write_all(&[SERVING])
    }
}

fn sort(named: impl Iterator<Item = (String, OwnedFd)>) -> io::Result<Sockets> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut admin = None;
    for (name, fd) in named {
        let listener = TcpListener::from(fd);
        let scheme = match name.as_str() {
            "admin" => {
                admin = Some(listener);
                continue;
            }
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            other => return Err(io::Error::other(format!("a socket for {other:?} was handed over"))),
        };
        let address = listener.local_addr()?;
        match bound.iter_mut().find(|b| b.scheme == scheme && b.address == address) {
            Some(known) => known.listeners.push(listener),
            None => bound.push(Bound { scheme, address, listeners: vec![listener] }),
        }
    }
    let admin = admin.ok_or_else(|| io::Error::other("the admin socket was not handed over"))?;
    Ok(Sockets { bound, admin })
}

/// Copies of an edge's sockets under the names that [`Takeover`] reads.
///
/// # Errors
/// The process has too many open files.
pub fn copies(sockets: &Sockets) -> io::Result<Vec<(String, OwnedFd)>> {
    let mut out = vec![(String::from("admin"), OwnedFd::from(sockets.admin.try_clone()?))];
    for bound in &sockets.bound {
        for listener in &bound.listeners {
            out.push((bound.scheme.as_str().to_owned(), OwnedFd::from(listener.try_clone()?)));
        }
    }
    Ok(out)
}
