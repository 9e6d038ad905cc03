//! Rules of the specification that need no socket: configuration, matching, selection, health, numbers.
//! A test bears the id of the rule that it fails without.

mod configuration;
mod errors;
mod failover;
mod health;
mod laws;
mod matching;
mod paths;
mod policies;
mod selection;
mod support;
