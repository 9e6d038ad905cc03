//! Sends what health asks for, on a runtime that no request uses.

pub mod http;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::ambient;
use crate::control::change::Control;
use crate::health::monitor::{ProbeOrder, ProbeResult};
use crate::model::limits::PROBES_IN_FLIGHT;

/// Probes until `stop` turns true.
pub async fn run(control: Arc<Control>, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(PROBES_IN_FLIGHT));
    loop {
        let (due, next) = control.probes_due();
        for order in due {
            // The schedule goes on whatever this one does (FD-C14); too many at a time wait here.
            let Ok(place) = room.clone().acquire_owned().await else { return };
            let control = control.clone();
            tokio::spawn(async move {
                let _place = place;
                one(&control, order).await;
            });
        }
        let pause = next.map(|at| at.since(ambient::now()));
        tokio::select! {
            () = async { match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            } } => {}
            () = control.probes_changed() => {}
            _ = stop.changed() => return,
        }
    }
}

async fn one(control: &Control, order: ProbeOrder) {
    let pinned = control.live().pin();
    let told = http::probe(&order, &pinned).await;
    if let Err(failure) = &told.outcome {
        http::log_failure(&order, &told, failure, &control.edge().name, &pinned);
    }
    control.probe_done(ProbeResult {
        target: order.target,
        outcome: told.outcome,
        address: told.address.map(|a| a.ip()),
    });
}
