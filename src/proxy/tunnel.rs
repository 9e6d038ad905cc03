//! Bytes both ways after 101: untouched, uninspected, until one side ends, nothing moves for too long, the
//! longest life is over, or the region is isolated (FD-E45 to FD-E49).

use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::io::EdgeIo;
use super::line::Presence;
use crate::http1::body::Frame;
use crate::http1::conn::Conn;

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Both sides said so, or one broke off.
    Ended,
    Idle,
    TooOld,
    Isolated,
}

/// How long a tunnel lives.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    pub idle: Duration,
    pub total: Duration,
}

#[derive(Debug, Default)]
struct Way {
    ended: bool,
    closed: bool,
}

impl Way {
    /// Moves what is there; true when this way is at its end.
    fn poll(
        &mut self,
        from: &mut Conn<EdgeIo>,
        to: &mut Conn<EdgeIo>,
        moved: &mut bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ()>> {
        while !self.ended {
            ready!(to.poll_ready(cx)).map_err(|_| ())?;
            match from.poll_frame(cx) {
                Poll::Ready(Ok(Frame::Data(data))) => {
                    *moved = true;
                    to.send(Frame::Data(data)).map_err(|_| ())?;
                }
                Poll::Ready(Ok(Frame::End(_))) => self.ended = true,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
                Poll::Pending => {
                    if let Poll::Ready(Err(_)) = to.poll_flush(cx) {
                        return Poll::Ready(Err(()));
                    }
                    return Poll::Pending;
                }
            }
        }
        ready!(to.poll_flush(cx)).map_err(|_| ())?;
        if !self.closed {
            ready!(to.poll_shutdown(cx)).map_err(|_| ())?;
            self.closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// Runs a tunnel to its end.
pub async fn run(
    client: &mut Conn<EdgeIo>,
    origin: &mut Conn<EdgeIo>,
    presence: &Presence,
    lifetime: Lifetime,
) -> Closed {
    client.make_raw();
    origin.make_raw();
    let started = Instant::now();
    let mut last = started;
    let mut sleep = pin!(sleep_until(started + lifetime.idle.min(lifetime.total)));
    let (mut up, mut down) = (Way::default(), Way::default());
    std::future::poll_fn(|cx| {
        if presence.poll_cut(cx).is_ready() {
            return Poll::Ready(Closed::Isolated);
        }
        let mut moved = false;
        let ways = (up.poll(client, origin, &mut moved, cx), down.poll(origin, client, &mut moved, cx));
        match ways {
            (Poll::Ready(Err(())), _) | (_, Poll::Ready(Err(()))) => return Poll::Ready(Closed::Ended),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Closed::Ended),
            _ => {}
        }
        if moved {
            last = Instant::now();
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if started.elapsed() >= lifetime.total {
                return Poll::Ready(Closed::TooOld);
            }
            if last.elapsed() >= lifetime.idle {
                return Poll::Ready(Closed::Idle);
            }
            sleep.as_mut().reset((last + lifetime.idle).min(started + lifetime.total));
        }
        Poll::Pending
    })
    .await
}
