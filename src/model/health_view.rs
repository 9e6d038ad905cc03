//! The read side of health: what a decision knows of every origin.

use super::group::OriginId;

/// What is known of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginHealth {
    /// The verdict of the probe window, or the forced one.
    pub up: bool,
    /// Mean of the successful samples of the window in whole milliseconds (FD-C16); None: no sample yet.
    pub latency_ms: Option<u32>,
}

impl Default for OriginHealth {
    fn default() -> Self {
        Self { up: true, latency_ms: None }
    }
}

/// Health of every origin of one table, by [`OriginId`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthView {
    pub origins: Vec<OriginHealth>,
}

impl HealthView {
    /// Everybody up, nothing measured.
    pub fn all_up(origins: usize) -> Self {
        Self { origins: vec![OriginHealth::default(); origins] }
    }

    /// An origin that the view does not know yet is taken as up (FD-C18).
    pub fn of(&self, id: OriginId) -> OriginHealth {
        self.origins.get(id.0 as usize).copied().unwrap_or_default()
    }
}
