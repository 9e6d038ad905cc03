//! The gate before a swap: compare with what serves, load what the table names. Nothing here changes anything.

use std::sync::Arc;

use super::room::{Room, material};
use crate::config::diagnostic::Diagnostics;
use crate::config::diff::{Change, diff};
use crate::config::{Checked, EdgeSettings};
use crate::model::table::Table;
use crate::tls::material::Material;

/// A change that passed everything but its commit.
pub struct Ready {
    /// Equal to what serves.
    pub same: bool,
    pub table: Table,
    pub tls: Arc<Material>,
    pub changes: Vec<Change>,
    pub warnings: Diagnostics,
}

/// Compares a file that was read with what serves, and loads what it names.
pub fn prepare(room: &Room, checked: Checked) -> Result<Ready, Diagnostics> {
    let Checked { edge, table, warnings } = checked;
    needs_restart(room, &edge)?;
    let pinned = room.pinned();
    let same = *pinned.snapshot.table == table;
    let changes = diff(&pinned.snapshot.table, &table);
    let tls = if same {
        pinned.tls.clone()
    } else {
        material(&room.file, &room.folder, &room.edge, &table, Some(&pinned.tls))?
    };
    Ok(Ready { same, table, tls, changes, warnings })
}

/// `[edge]` is what a running edge cannot change.
fn needs_restart(room: &Room, new: &EdgeSettings) -> Result<(), Diagnostics> {
    let old = &room.edge;
    let parts = [
        ("name", old.name != new.name),
        ("http", old.http != new.http),
        ("https", old.https != new.https),
        ("admin", old.admin != new.admin),
        ("admin_token_file", old.admin_token_file != new.admin_token_file),
        ("workers", old.workers != new.workers),
        ("h2c", old.h2c != new.h2c),
        ("drain_s", old.drain != new.drain),
        ("certificates_folder", old.certificates_folder != new.certificates_folder),
        ("access_log", old.access_log != new.access_log),
        ("upgrade_socket", old.upgrade_socket != new.upgrade_socket),
        ("history_file", old.history_file != new.history_file),
    ];
    let changed: Vec<&str> =
        parts.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let message = format!("[edge] {} differs from what this edge was started with", changed.join(", "));
    let help =
        "restart the edge, or start the new process and send SIGQUIT to this one; all other sections are hot";
    Err(Diagnostics::whole_file(&room.file, "edge-needs-restart", message, Some(help.to_owned())))
}
