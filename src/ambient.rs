//! The only room that asks the operating system for time or randomness.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use crate::model::moment::Moment;

static START: OnceLock<Instant> = OnceLock::new();

/// Monotonic time since the process first asked.
pub fn now() -> Moment {
    let start = START.get_or_init(Instant::now);
    Moment(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Wall-clock time.
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// A number nobody can guess from outside.
pub fn seed() -> u64 {
    RandomState::new().hash_one(now().0)
}
