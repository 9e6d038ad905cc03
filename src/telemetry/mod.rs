//! What is worth saying: metrics, access lines, logs.

pub mod access_log;
pub mod logs;
pub mod metrics;
