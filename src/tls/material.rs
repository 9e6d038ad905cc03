//! Everything TLS of one table: server configurations by SNI, client configurations by origin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::origin::OriginTlsConfig;
use crate::config::diagnostic::Diagnostics;
use crate::model::group::OriginId;
use crate::model::table::Table;

#[derive(Debug)]
pub struct Material {}

impl Material {
    /// Loads what `table` names. Relative paths start at `folder` (where routes.toml is); self-signed certificates
    /// come from the authority under `certificates_folder`. What did not change is taken over from `previous`.
    ///
    /// # Errors
    /// A diagnostic per file that cannot be used; nothing is changed then.
    pub fn prepare(
        _table: &Table,
        _folder: &Path,
        _certificates_folder: &Path,
        _previous: Option<&Self>,
    ) -> Result<Self, Diagnostics> {
        todo!()
    }

    /// The configuration for a ClientHello: exact name, then wildcard, then the default (FD-H15).
    pub fn server(&self, _sni: Option<&str>) -> &Arc<rustls::ServerConfig> {
        todo!()
    }

    pub fn origin(&self, _id: OriginId) -> Option<&OriginTlsConfig> {
        todo!()
    }

    /// Files whose change asks for a new `prepare`.
    pub fn watched(&self) -> Vec<PathBuf> {
        todo!()
    }
}
