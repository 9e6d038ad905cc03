//! How long detection and recovery take, computed (FD-N1, FD-N2). Seconds.

use crate::model::group::LoadBalancing;

/// At least, on average, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    pub min_s: f64,
    pub mean_s: f64,
    pub max_s: f64,
}

/// k = n - x + 1: consecutive failures that turn a fully healthy origin unhealthy (FD-C19).
/// None where no origin ever becomes unhealthy.
pub fn failures_needed(settings: LoadBalancing) -> Option<u8> {
    let (n, x) = (settings.sample_size.get(), settings.successful_samples_required.get());
    if n == 0 || x == 0 { None } else { Some(n.saturating_sub(x) + 1) }
}

/// From an origin's death to the moment it leaves the pool. `f_s`: time one failing probe needs to be known as
/// failed, about 0 for a refused connection, the probe's timeout for silence.
pub fn detection(settings: LoadBalancing, interval_s: u8, f_s: f64) -> Option<Bound> {
    let k = f64::from(failures_needed(settings)?);
    let interval = f64::from(interval_s);
    Some(Bound {
        min_s: (k - 1.0) * interval + f_s,
        mean_s: (k - 0.5) * interval + f_s,
        max_s: k * interval + f_s,
    })
}

/// From an origin's first good answer to its return.
pub fn recovery(settings: LoadBalancing, interval_s: u8) -> Option<Bound> {
    failures_needed(settings)?;
    let x = f64::from(settings.successful_samples_required.get());
    let interval = f64::from(interval_s);
    Some(Bound { min_s: (x - 1.0) * interval, mean_s: (x - 0.5) * interval, max_s: x * interval })
}
