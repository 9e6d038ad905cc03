//! The sample window of one probed address (FD-C16 to FD-C19). Knows results, not whom they are for.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::group::LoadBalancing;
use crate::model::limits::SAMPLES;

/// The last results of one probe stream, newest last, with the latency of each success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    results: VecDeque<Option<Duration>>,
}

impl Window {
    /// Remembers a result: the latency of a success, None for a failure.
    pub fn push(&mut self, result: Option<Duration>) {
        if self.results.len() == SAMPLES {
            self.results.pop_front();
        }
        self.results.push_back(result);
    }

    fn last(&self, n: u8) -> impl Iterator<Item = Option<Duration>> {
        let skip = self.results.len().saturating_sub(n.into());
        self.results.iter().skip(skip).copied()
    }

    /// FD-C17: at least x successes among the last n. Results that do not exist yet count as `missing_succeed`
    /// says (FD-C18). n = 0 or x = 0: always healthy (FD-A17).
    pub fn healthy(&self, settings: LoadBalancing, missing_succeed: bool) -> bool {
        let (n, x) = (settings.sample_size.get(), settings.successful_samples_required.get());
        if n == 0 || x == 0 {
            return true;
        }
        let (mut successes, mut known) = (0_usize, 0_usize);
        for result in self.last(n) {
            known += 1;
            successes += usize::from(result.is_some());
        }
        if missing_succeed {
            successes += usize::from(n) - known;
        }
        successes >= usize::from(x)
    }

    /// FD-C16: mean of the successful samples among the last n, in whole milliseconds; None without one.
    pub fn latency_ms(&self, n: u8) -> Option<u32> {
        let (mut sum, mut count) = (Duration::ZERO, 0_u32);
        for latency in self.last(n.max(1)).flatten() {
            sum += latency;
            count += 1;
        }
        let mean = sum.checked_div(count)?;
        u32::try_from((mean.as_micros() + 500) / 1000).ok()
    }

    /// Oldest first: `S`, `F`, and `-` for what has not been asked yet.
    pub fn letters(&self, n: u8) -> String {
        let missing = usize::from(n).saturating_sub(self.results.len());
        let known = self.last(n).map(|r| if r.is_some() { 'S' } else { 'F' });
        std::iter::repeat_n('-', missing).chain(known).collect()
    }
}
