//! Origin groups and their origins (FD-A.5, FD-A.6).

use std::path::PathBuf;
use std::time::Duration;

use super::bounds::{LatencySlackMs, Port, Priority, ProbeIntervalS, SampleSize, SuccessfulSamples, Weight};
use super::domain::CertificateId;
use super::name::{GroupName, HostName, OriginName};
use super::region::RegionId;
use super::route::Scheme;

/// Index of a group in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// Index of an origin in its table, over all groups; the origins of one group stand side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u32);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: GroupName,
    pub load_balancing: LoadBalancing,
    /// None: probes off, every enabled origin counts as healthy (FD-C25).
    pub probe: Option<ProbeSettings>,
    pub session_affinity: bool,
    /// Accepted, stored, returned and without effect (FD-A19).
    pub traffic_restoration_min: u8,
    /// The group's origins: `origins.0..origins.1` in the table's list.
    pub origins: (u32, u32),
    /// Whether an enabled route uses the group (FD-C27).
    pub attached: bool,
}

impl Group {
    /// Ids of the group's origins, in the order of the file.
    pub fn origin_ids(&self) -> impl ExactSizeIterator<Item = OriginId> + use<> {
        let (from, to) = self.origins;
        (from as usize..to as usize).map(|i| OriginId(u32::try_from(i).unwrap_or(u32::MAX)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadBalancing {
    pub sample_size: SampleSize,
    pub successful_samples_required: SuccessfulSamples,
    pub additional_latency_ms: LatencySlackMs,
}

/// The method of a health probe (FD-C2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ProbeMethod {
    #[default]
    Head,
    Get,
}

impl ProbeMethod {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "HEAD",
            Self::Get => "GET",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSettings {
    /// Case-sensitive, starts with `/`.
    pub path: String,
    pub method: ProbeMethod,
    pub protocol: Scheme,
    pub interval: ProbeIntervalS,
    /// When a probe counts as failed: min(interval, 10 s) unless set (FD-C14).
    pub timeout: Duration,
}

/// Which name the certificate of an HTTPS origin has to bear (FD-H24).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NameCheck {
    /// The origin's `host` (FD-H23).
    #[default]
    OriginHost,
    /// The host that the client asked for.
    IncomingHost,
    /// One of these names.
    Subjects(Vec<HostName>),
    /// The chain is checked, the name is not (FD-H23).
    Off,
}

/// How HTTP is spoken to an origin. Front Door speaks 1.1 only (FD-E2); 2 is a named setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum OriginHttp {
    #[default]
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge over plain TCP.
    Http2,
}

/// TLS towards one origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OriginTls {
    pub name_check: NameCheck,
    /// PEM file of further trusted roots, as written in routes.toml.
    pub ca_file: Option<PathBuf>,
    /// Certificate presented to the origin; Front Door presents none (FD-H26).
    pub client_certificate: Option<CertificateId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub name: OriginName,
    pub group: GroupId,
    pub region: Option<RegionId>,
    /// Address; also SNI and certificate name.
    pub host: HostName,
    pub http_port: Port,
    pub https_port: Port,
    /// `Host` sent to the origin; None sends the client's (FD-E11).
    pub host_header: Option<String>,
    pub priority: Priority,
    pub weight: Weight,
    pub enabled: bool,
    pub http: OriginHttp,
    pub tls: OriginTls,
    /// The value of the affinity cookies that name this origin (FD-D17).
    pub affinity_value: String,
}

impl Origin {
    pub const fn port(&self, scheme: Scheme) -> Port {
        match scheme {
            Scheme::Http => self.http_port,
            Scheme::Https => self.https_port,
        }
    }
}
