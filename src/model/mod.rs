//! The nouns of the house: what a table is made of. Constructors keep invariants; nothing here decides.
//! Touches neither sockets, clocks, files nor dice.

pub mod bounds;
pub mod domain;
pub mod expect;
pub mod group;
pub mod health_view;
pub mod limits;
pub mod moment;
pub mod name;
pub mod orders;
pub mod region;
pub mod route;
pub mod router;
pub mod settings;
pub mod snapshot;
pub mod table;
