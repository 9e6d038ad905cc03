//! Table against table: named changes.

use serde::Serialize;

use crate::model::table::Table;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `added`, `removed` or `changed`.
    pub kind: &'static str,
    /// Such as `origin_groups.bot.origins.bot-westeurope.weight`.
    pub what: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// Empty for a table against itself.
pub fn diff(_old: &Table, _new: &Table) -> Vec<Change> {
    todo!()
}
