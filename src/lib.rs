//! Tidegate: the edge you can break, time and trust. The rooms, in reading order:
//!
//! - [`model`]: the nouns (pure)
//! - [`decide`]: which route, which origin, and why (pure)
//! - [`health`]: is it up (pure)
//! - [`config`]: routes.toml to table, or diagnostics (pure)
//! - [`ambient`]: the clock and chance
//! - [`tls`]: certificates and policies
//! - [`telemetry`]: metrics, access lines, logs
//! - [`control`]: the path of a change
//! - [`http1`]: HTTP/1.x as bytes: heads, bodies, connections
//! - [`probe`]: sends what health asks for
//! - [`proxy`]: the HTTP corridor

#![forbid(unsafe_code)]

pub mod admin;
pub mod ambient;
pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod decide;
pub mod demo;
pub mod health;
pub mod http1;
pub mod model;
pub mod probe;
pub mod proxy;
pub mod telemetry;
pub mod tls;
