//! Every number the edge counts, and their Prometheus text. Handles are resolved once per table, not per request.

use crate::model::table::Table;

#[derive(Debug)]
pub struct Metrics {}

/// Handles of one table's routes and origins, by id.
#[derive(Debug)]
pub struct TableMetrics {}

impl Metrics {
    pub fn new() -> Self {
        todo!()
    }

    /// Handles for `table`; equal names keep their counts.
    pub fn for_table(&self, _table: &Table) -> TableMetrics {
        todo!()
    }

    /// Prometheus text format.
    pub fn text(&self) -> String {
        todo!()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
