//! Text in, a table or diagnostics out. Pure: the files a table names are read by `tls`, called by `control`.

pub mod diagnostic;
pub mod diff;
mod edge;
mod expects;
mod groups;
mod lint;
mod nearest;
mod places;
mod reader;
pub mod render;
mod routes;
mod settings;
mod syntax;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeTable;

use crate::model::limits::TABLE_BYTES;
use crate::model::router::Router;
use crate::model::table::Table;
use diagnostic::Diagnostics;
use nearest::nearest;
use reader::{Located, Note, Reader, Section};

/// `[edge]`: what needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeSettings {
    /// Default `edge-1`.
    pub name: String,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    pub admin: SocketAddr,
    /// File that holds the admin API's bearer token; None: no token, loopback only.
    pub admin_token_file: Option<PathBuf>,
    /// Worker threads, one runtime each. None: one per core.
    pub workers: Option<usize>,
    /// HTTP/2 with prior knowledge on the plain listeners. Off by default.
    pub h2c: bool,
    /// How long SIGTERM waits for requests in flight. Default 30 s.
    pub drain: Duration,
    /// Folder of the development authority and its leaves. Default `certs`.
    pub certificates_folder: PathBuf,
    /// Where access lines go: `stdout` (default), `off`, or a file.
    pub access_log: AccessLog,
    /// Socket over which listeners pass to the next process. Default: `tidegate-upgrade.sock` in the temporary folder, with the admin port in its name.
    pub upgrade_socket: Option<PathBuf>,
    /// File that keeps history across restarts. None: memory only.
    pub history_file: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    Stdout,
    Off,
    File(PathBuf),
}

/// A file that passed.
#[derive(Debug, Clone)]
pub struct Checked {
    pub edge: EdgeSettings,
    pub table: Table,
    /// Warnings and lint; never errors.
    pub warnings: Diagnostics,
}

/// Reads a routes.toml. `file` is the name that diagnostics show.
///
/// # Errors
/// Every mistake of the file, in one go.
pub fn read(file: &str, text: &str) -> Result<Checked, Diagnostics> {
    let reader = Reader::new(file, text);
    if text.len() > TABLE_BYTES {
        let note = Note::new("file-size", format!("{} bytes are more than {TABLE_BYTES}", text.len()));
        reader.error(&(0..0), note.help("split the table over several edges"));
        return Err(reader.finish());
    }
    let (parsed, errors) = DeTable::parse_recoverable(text);
    syntax::note(&reader, text, &errors);
    let span = parsed.span();
    let root = Section::new(&reader, parsed.get_ref(), String::new(), span);
    let (edge, table) = if errors.is_empty() { sections(&root) } else { Default::default() };
    if errors.is_empty() {
        root.finish();
    }
    if reader.has_errors() {
        return Err(reader.finish());
    }
    Ok(Checked { edge, table, warnings: reader.finish() })
}

fn sections(root: &Section<'_, '_>) -> (EdgeSettings, Table) {
    let edge = edge::read(root);
    let (settings, secrets) = settings::read(root);
    let regions = places::regions(root);
    let certificates = places::certificates(root, &settings.limits);
    let endpoints = places::endpoints(root, &settings.front_door_id, &settings.limits);
    let mut domains = places::domains(root, &certificates, &settings.limits);
    let context = groups::Context {
        settings: &settings,
        secrets: &secrets,
        regions: &regions,
        certificates: &certificates,
    };
    let mut groups = groups::read(root, &context);
    let mut context = routes::Context {
        limits: &settings.limits,
        endpoints: &endpoints,
        certificates: &certificates,
        groups: &mut groups,
        domains: &mut domains,
    };
    let routes = routes::read(root, &mut context);
    let router = Router::build(&domains.list, &routes.routes);
    let mut table = Table {
        settings,
        regions,
        certificates,
        domains: domains.list,
        groups: groups.groups.clone(),
        origins: groups.origins.clone(),
        routes: routes.routes.clone(),
        router,
        expects: Vec::new(),
    };
    table.expects = expects::read(root, &table);
    if !root.reader.has_errors() {
        lint::warn(root, &table, &groups, &routes);
    }
    (edge, table)
}

/// The number that `limits.composite_routes` bounds (FD-B19).
pub fn composite_routes(table: &Table) -> usize {
    routes::composite(&table.routes)
}

/// A reference to something that is not there, with the nearest name that is. Silent where it is there and its own
/// mistake, which is told already, keeps it out of the table.
fn dangling<'k>(
    section: &Section<'_, '_>,
    key: &'static str,
    text: &Located<&str>,
    known: impl Iterator<Item = &'k str>,
) {
    let kind = match key {
        "region" => "regions",
        "origin_group" => "origin_groups",
        "origin" => "origins",
        "route" => "routes",
        "endpoint" => "endpoints",
        _ => "certificates",
    };
    if section.reader.is_written(kind, text.value) {
        return;
    }
    let known: Vec<&str> = known.collect();
    let help = match nearest(text.value, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => {
            format!("there is no valid [{kind}.NAME] yet: add one, or correct this name")
        }
        None => format!("known: {}", known.join(", ")),
    };
    let note = Note::new("dangling-reference", format!("{key} {:?} does not exist", text.value));
    section.reader.error(&text.span, note.help(help));
}
