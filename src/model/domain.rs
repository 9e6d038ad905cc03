//! Domains, their TLS policies and certificates (FD-A.4, FD-H).

use std::path::PathBuf;

use super::name::{CertificateName, HostName};

/// Index of a domain in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(pub u32);

/// Index of a certificate in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateId(pub u32);

/// A host name, or every name with exactly one more label (FD-B5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DomainName {
    Exact(HostName),
    /// `*.d`, holding `d`.
    Wildcard(HostName),
}

impl DomainName {
    /// # Errors
    /// As [`HostName::parse`], for the name behind `*.` where there is one.
    pub fn parse(text: &str) -> Result<Self, super::name::HostError> {
        match text.strip_prefix("*.") {
            Some(rest) => HostName::parse(rest).map(Self::Wildcard),
            None => HostName::parse(text).map(Self::Exact),
        }
    }

    /// Whether `host` (lower case, no port, no trailing dot) falls under this name.
    pub fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.as_str() == host,
            Self::Wildcard(name) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == name.as_str())
            }
        }
    }
}

impl std::fmt::Display for DomainName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => name.fmt(f),
            Self::Wildcard(name) => write!(f, "*.{name}"),
        }
    }
}

/// Cipher suites of TLS 1.2 by the names of A.4; only some can be offered (FD-H4 and docs/fidelity.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite12 {
    EcdheRsaAes128GcmSha256,
    EcdheRsaAes256GcmSha384,
    DheRsaAes256GcmSha384,
    DheRsaAes128GcmSha256,
    EcdheRsaAes128Sha256,
    EcdheRsaAes256Sha384,
}

/// Cipher suites of TLS 1.3 by the names of A.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite13 {
    Aes128GcmSha256,
    Aes256GcmSha384,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MinimumTls {
    #[default]
    Tls12,
    Tls13,
}

/// The TLS policy of a domain (FD-H3, FD-H5, FD-H8).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TlsPolicy {
    #[default]
    Tls12_2023,
    Tls12_2022,
    /// Only the listed suites, in the listed order.
    Customized {
        minimum: MinimumTls,
        suites12: Vec<Suite12>,
        suites13: Vec<Suite13>,
    },
}

/// Whether ownership of a domain is proved (FD-A14, FD-A16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    #[default]
    Approved,
    PendingRevalidation,
    /// Any other state: the domain serves nothing.
    Unproved,
}

impl Validation {
    pub const fn serves(self) -> bool {
        !matches!(self, Self::Unproved)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    pub name: DomainName,
    pub tls: TlsPolicy,
    /// The certificate whose `domains` cover this one: exact name first, then wildcard (FD-H15).
    pub certificate: Option<CertificateId>,
    pub validation: Validation,
}

/// The leaf for clients that name no host, or one that is not configured (FD-H15).
pub const DEFAULT_CERTIFICATE: &str = "tidegate-default";

/// Names that no self-signed certificate may bear: its files would replace those of the authority or the default leaf.
pub const RESERVED_CERTIFICATES: [&str; 2] = ["ca", DEFAULT_CERTIFICATE];

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateSource {
    /// Made by the development authority under the certificates' folder.
    SelfSigned,
    /// PEM files that are watched; paths as written in routes.toml.
    Files { cert: PathBuf, key: PathBuf },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub name: CertificateName,
    pub domains: Vec<DomainName>,
    pub source: CertificateSource,
}
