//! Regions, certificates, domains and endpoints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::reader::{Located, Note, Section};
use crate::model::domain::{
    Certificate, CertificateId, CertificateSource, Domain, DomainId, DomainName, MinimumTls,
    RESERVED_CERTIFICATES, Suite12, Suite13, TlsPolicy, Validation,
};
use crate::model::limits::Limits;
use crate::model::name::{CertificateName, EndpointName, HostName, RegionName};
use crate::model::region::{Region, RegionState, RegionWill};

/// Refuses more entries than a limit allows, naming it (FD-K1).
pub fn limited<T>(
    found: &[(Located<&str>, T)],
    most: usize,
    what: &str,
    limit: &'static str,
    root: &Section<'_, '_>,
) {
    if let Some((name, _)) = found.get(most) {
        let message = format!("{} {what} are more than `limits.{limit}` = {most}", found.len());
        let help = format!("raise `limits.{limit}`, or remove some");
        root.reader.error(&name.span, Note::new("over-limit", message).help(help).rule("FD-K1"));
    }
}

pub fn regions(root: &Section<'_, '_>) -> Vec<Region> {
    let mut out = Vec::new();
    for (name, section) in root.named("regions") {
        let parsed = section.parse_at(&name, Note::name(), RegionName::parse);
        let display = section.text("display_name").map(|t| t.value.to_owned());
        let words = [
            ("active", RegionState::Active),
            ("drained", RegionState::Drained),
            ("isolated", RegionState::Isolated),
        ];
        let state = section.choice("state", &words).unwrap_or_default();
        let dial = section.bounded("dial", Note::new("dial-range", "")).unwrap_or_default();
        section.finish();
        if let Some(name) = parsed {
            let display_name = display.unwrap_or_else(|| name.value.to_string());
            out.push(Region { name: name.value, display_name, will: RegionWill { state, dial } });
        }
    }
    out
}

pub fn certificates(root: &Section<'_, '_>, limits: &Limits) -> Vec<Certificate> {
    let found = root.named("certificates");
    limited(&found, limits.certificates, "certificates", "certificates", root);
    let mut out = Vec::new();
    for (name, section) in found {
        let parsed = section.parse_at(&name, Note::name(), CertificateName::parse);
        let domains = domain_names(&section, "domains");
        if !section.has("domains") || section.list("domains").is_some_and(|listed| listed.is_empty()) {
            let note =
                Note::new("certificate-domains", format!("certificate {} covers no domain", name.value));
            section.error("domains", note.help("list the names it serves in `domains`"));
        }
        let source = source(&section, name.value);
        section.finish();
        if let (Some(name), Some(source)) = (parsed, source) {
            out.push(Certificate { name: name.value, domains, source });
        }
    }
    out
}

fn source(section: &Section<'_, '_>, name: &str) -> Option<CertificateSource> {
    let self_signed = section.flag("self_signed").unwrap_or(false);
    let cert = section.text("cert_file").map(|t| PathBuf::from(t.value));
    let key = section.text("key_file").map(|t| PathBuf::from(t.value));
    // Some file systems take `CA.key` for `ca.key`.
    let reserved = RESERVED_CERTIFICATES.iter().any(|own| own.eq_ignore_ascii_case(name));
    let note = |message: String| {
        let help = "write either `self_signed = true`, or both `cert_file` and `key_file`";
        section.reader.error(&section.span, Note::new("certificate-source", message).help(help));
    };
    match (self_signed, cert, key) {
        (true, None, None) if reserved => {
            let message = format!("certificate name {name} belongs to the development authority's own files");
            let help = "name it otherwise, or give `cert_file` and `key_file`";
            section.reader.error(&section.span, Note::new("certificate-reserved", message).help(help));
            None
        }
        (true, None, None) => Some(CertificateSource::SelfSigned),
        (false, Some(cert), Some(key)) => Some(CertificateSource::Files { cert, key }),
        (true, ..) => {
            note(format!("certificate {name} is self-signed and from files at once"));
            None
        }
        (false, Some(_), None) => {
            note(format!("certificate {name} has a `cert_file` and no `key_file`"));
            None
        }
        (false, None, Some(_)) => {
            note(format!("certificate {name} has a `key_file` and no `cert_file`"));
            None
        }
        (false, None, None) => {
            note(format!("certificate {name} has no source"));
            None
        }
    }
}

fn domain_names(section: &Section<'_, '_>, key: &'static str) -> Vec<DomainName> {
    let texts = section.list(key).unwrap_or_default();
    texts
        .iter()
        .filter_map(|text| Some(section.parse_at(text, Note::domain_name(), DomainName::parse)?.value))
        .collect()
}

/// Domains by name, in the order in which they are first met.
#[derive(Debug, Default)]
pub struct Domains {
    pub list: Vec<Domain>,
    by_name: BTreeMap<DomainName, DomainId>,
}

impl Domains {
    /// The id of a domain, which gets default settings where `[domains]` does not name it.
    pub fn id(&mut self, name: &DomainName, certificates: &[Certificate]) -> DomainId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let certificate = certificate_for(name, certificates);
        self.add(Domain {
            name: name.clone(),
            tls: TlsPolicy::default(),
            certificate,
            validation: Validation::default(),
        })
    }

    fn add(&mut self, domain: Domain) -> DomainId {
        let id = DomainId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.by_name.insert(domain.name.clone(), id);
        self.list.push(domain);
        id
    }
}

/// FD-H15: the certificate that names the domain exactly, else one whose wildcard covers it (FD-H14).
fn certificate_for(name: &DomainName, certificates: &[Certificate]) -> Option<CertificateId> {
    let exact = certificates.iter().position(|c| c.domains.contains(name));
    let covered = || {
        let DomainName::Exact(host) = name else { return None };
        certificates.iter().position(|c| c.domains.iter().any(|d| d.covers(host.as_str())))
    };
    Some(CertificateId(u32::try_from(exact.or_else(covered)?).ok()?))
}

pub fn domains(root: &Section<'_, '_>, certificates: &[Certificate], limits: &Limits) -> Domains {
    let found = root.named("domains");
    limited(&found, limits.domains, "domains", "domains", root);
    let mut out = Domains::default();
    for (name, section) in found {
        let note = Note::new("domain-name", "").help("write a DNS name, or *.NAME");
        let parsed = section.parse_at(&name, note, DomainName::parse);
        let tls = policy(&section);
        let validation = validation(&section);
        section.finish();
        let Some(name) = parsed else { continue };
        if out.by_name.contains_key(&name.value) {
            let note = Note::new("duplicate-domain", format!("domain {} is configured twice", name.value));
            root.reader.error(&name.span, note.help("keep one of the sections"));
            continue;
        }
        let certificate = certificate_for(&name.value, certificates);
        out.add(Domain { name: name.value, tls, certificate, validation });
    }
    out
}

/// FD-A13, FD-A14, FD-A16: ownership is given unless the file says otherwise.
fn validation(section: &Section<'_, '_>) -> Validation {
    use Validation::{Approved, PendingRevalidation, Unproved};
    let words = [
        ("approved", Approved),
        ("pending_revalidation", PendingRevalidation),
        ("submitting", Unproved),
        ("pending", Unproved),
        ("rejected", Unproved),
        ("timed_out", Unproved),
        ("refreshing_validation_token", Unproved),
        ("internal_error", Unproved),
        ("unknown", Unproved),
    ];
    section.choice("state", &words).unwrap_or_default()
}

/// FD-H2 to FD-H5.
fn policy(section: &Section<'_, '_>) -> TlsPolicy {
    #[derive(Clone, Copy, PartialEq)]
    enum Set {
        Y2023,
        Y2022,
        Customized,
        Retired,
    }
    let words = [
        ("tls12_2023", Set::Y2023),
        ("tls12_2022", Set::Y2022),
        ("customized", Set::Customized),
        ("tls10_2019", Set::Retired),
    ];
    let set = section.choice("tls_policy", &words).unwrap_or(Set::Y2023);
    if set == Set::Retired {
        let note = Note::new("tls-retired", "policy tls10_2019 is not allowed any more");
        section.error("tls_policy", note.rule("FD-H2").help("use tls12_2022 or tls12_2023"));
    }
    let minimum = minimum(section);
    let suites12 = suites(section, "cipher_suites_tls12", &SUITES12);
    let suites13 = suites(section, "cipher_suites_tls13", &SUITES13);
    let custom_keys = ["minimum_tls_version", "cipher_suites_tls12", "cipher_suites_tls13"];
    match set {
        Set::Customized => {
            if suites13.is_empty() || suites12.is_empty() && minimum == MinimumTls::Tls12 {
                let note = Note::new(
                    "tls-suites",
                    "a customized policy lists at least one suite per version that it allows",
                );
                let help = "fill `cipher_suites_tls13`, and `cipher_suites_tls12` unless the minimum is 1.3";
                section.error("tls_policy", note.help(help).rule("FD-H5"));
            }
            TlsPolicy::Customized { minimum, suites12, suites13 }
        }
        other => {
            if let Some(key) = custom_keys.into_iter().find(|key| section.has(key)) {
                let note = Note::new("tls-policy", format!("`{key}` belongs to a customized policy"));
                section
                    .error(key, note.help("set `tls_policy = \"customized\"`, or remove it").rule("FD-H5"));
            }
            if other == Set::Y2022 { TlsPolicy::Tls12_2022 } else { TlsPolicy::Tls12_2023 }
        }
    }
}

fn minimum(section: &Section<'_, '_>) -> MinimumTls {
    let words =
        [("1.2", Some(MinimumTls::Tls12)), ("1.3", Some(MinimumTls::Tls13)), ("1.0", None), ("1.1", None)];
    match section.choice("minimum_tls_version", &words) {
        Some(Some(minimum)) => minimum,
        Some(None) => {
            let note = Note::new("tls-retired", "a minimum below TLS 1.2 is not allowed any more");
            section.error("minimum_tls_version", note.rule("FD-H2").help("write \"1.2\" or \"1.3\""));
            MinimumTls::Tls12
        }
        None => MinimumTls::Tls12,
    }
}

const SUITES12: [(&str, Suite12); 6] = [
    ("ECDHE_RSA_AES128_GCM_SHA256", Suite12::EcdheRsaAes128GcmSha256),
    ("ECDHE_RSA_AES256_GCM_SHA384", Suite12::EcdheRsaAes256GcmSha384),
    ("DHE_RSA_AES256_GCM_SHA384", Suite12::DheRsaAes256GcmSha384),
    ("DHE_RSA_AES128_GCM_SHA256", Suite12::DheRsaAes128GcmSha256),
    ("ECDHE_RSA_AES128_SHA256", Suite12::EcdheRsaAes128Sha256),
    ("ECDHE_RSA_AES256_SHA384", Suite12::EcdheRsaAes256Sha384),
];

const SUITES13: [(&str, Suite13); 2] = [
    ("TLS_AES_128_GCM_SHA256", Suite13::Aes128GcmSha256),
    ("TLS_AES_256_GCM_SHA384", Suite13::Aes256GcmSha384),
];

fn suites<T: Clone>(section: &Section<'_, '_>, key: &'static str, words: &[(&str, T)]) -> Vec<T> {
    let texts = section.list(key).unwrap_or_default();
    texts.iter().filter_map(|text| section.word_at(key, text, words)).collect()
}

/// An endpoint: a switch over its routes, and a default domain (FD-A9 to FD-A12).
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub name: EndpointName,
    pub enabled: bool,
    pub default_domain: DomainName,
}

/// Longest name of an endpoint (section K).
const ENDPOINT_NAME_MAX: usize = 46;

pub fn endpoints(root: &Section<'_, '_>, front_door_id: &str, limits: &Limits) -> Vec<Endpoint> {
    let found = root.named("endpoints");
    limited(&found, limits.endpoints, "endpoints", "endpoints", root);
    let mut out = Vec::new();
    for (name, section) in found {
        let note = Note::name();
        let parsed = section.parse_at(&name, note, |text| match EndpointName::parse(text) {
            Ok(name) if text.len() <= ENDPOINT_NAME_MAX => Ok(name),
            Ok(_) => Err(format!("an endpoint's name has at most {ENDPOINT_NAME_MAX} characters")),
            Err(error) => Err(error.to_string()),
        });
        let enabled = section.flag("enabled").unwrap_or(true);
        let domain = section.parsed("default_domain", Note::new("domain-name", ""), HostName::parse);
        section.finish();
        if let Some(name) = parsed {
            let host = domain.map(|d| d.value).or_else(|| default_domain(&name.value, front_door_id));
            let Some(host) = host else { continue };
            out.push(Endpoint { name: name.value, enabled, default_domain: DomainName::Exact(host) });
        }
    }
    out
}

/// FD-A10: the name and a hash that is stable for this profile and cannot be chosen.
fn default_domain(name: &EndpointName, front_door_id: &str) -> Option<HostName> {
    let digest = Sha256::digest(format!("{front_door_id}/{name}"));
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    HostName::parse(&format!("{name}-{hash}.z01.azurefd.test")).ok()
}
