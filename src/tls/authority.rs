//! The development authority: a certificate authority made by rcgen under the certificates folder, created once and
//! reused, and the leaves it signs. Private keys are readable by their owner alone and never leave the folder.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use crate::ambient;
use crate::model::domain::DomainName;

/// Leaves are made anew when they have less than this left. Days.
const RENEW_DAYS: i64 = 30;
const LEAF_DAYS: i64 = 365;
const AUTHORITY_DAYS: i64 = 3650;
const DAY_S: i64 = 86_400;

/// One maker of files at a time in this process; other processes are met by atomic renames.
static MAKING: Mutex<()> = Mutex::new(());

/// Why there is no development certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("{path}: {cause}")]
    File { path: PathBuf, cause: std::io::Error },
    #[error("{path}: {cause}")]
    Key { path: PathBuf, cause: rcgen::Error },
}

/// PEM texts of a leaf: its chain, and its key.
#[derive(Debug, Clone)]
pub struct Leaf {
    pub chain: String,
    pub key: String,
}

/// The leaf `name` for `domains`: the one on disk while it fits, else a new one.
///
/// # Errors
/// The folder cannot be read or written.
pub fn leaf(folder: &Path, name: &str, domains: &[DomainName]) -> Result<Leaf, AuthorityError> {
    // A maker that panicked left whole files or none.
    let _one = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let file = |path: &Path| {
        let path = path.to_path_buf();
        move |cause| AuthorityError::File { path, cause }
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(file(folder))?;
    let authority = authority(folder)?;
    let (cert_path, key_path) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let names: Vec<String> = domains.iter().map(ToString::to_string).collect();
    if let (Ok(chain), Ok(key)) = (fs::read_to_string(&cert_path), fs::read_to_string(&key_path))
        && chain.ends_with(&authority.pem)
        && still_fits(&chain, &names)
    {
        return Ok(Leaf { chain, key });
    }
    let leaf = sign(&authority, name, names)
        .map_err(|cause| AuthorityError::Key { path: cert_path.clone(), cause })?;
    write(&key_path, &leaf.key, 0o600)?;
    write(&cert_path, &leaf.chain, 0o644)?;
    Ok(leaf)
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The one on disk, else a new one.
fn authority(folder: &Path) -> Result<Authority, AuthorityError> {
    let (cert_path, key_path) = (folder.join("ca.pem"), folder.join("ca.key"));
    let broken = |path: &Path| {
        let path = path.to_path_buf();
        move |cause| AuthorityError::Key { path, cause }
    };
    if let (Ok(pem), Ok(key)) = (fs::read_to_string(&cert_path), fs::read_to_string(&key_path)) {
        let key = KeyPair::from_pem(&key).map_err(broken(&key_path))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(broken(&cert_path))?;
        return Ok(Authority { pem, issuer });
    }
    let make = || {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = name("Tidegate development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = validity(AUTHORITY_DAYS);
        let pem = params.self_signed(&key)?.pem();
        Ok((pem, key.serialize_pem(), Issuer::new(params, key)))
    };
    let (pem, key, issuer) = make().map_err(broken(&cert_path))?;
    write(&key_path, &key, 0o600)?;
    write(&cert_path, &pem, 0o644)?;
    Ok(Authority { pem, issuer })
}

fn sign(authority: &Authority, leaf: &str, names: Vec<String>) -> Result<Leaf, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name(leaf);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    (params.not_before, params.not_after) = validity(LEAF_DAYS);
    let signed = params.signed_by(&key, &authority.issuer)?;
    Ok(Leaf { chain: format!("{}{}", signed.pem(), authority.pem), key: key.serialize_pem() })
}

fn name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

/// From a day ago, so that clocks may differ, to `days` from now.
fn validity(days: i64) -> (time::OffsetDateTime, time::OffsetDateTime) {
    let now = time::OffsetDateTime::from(ambient::wall());
    (now - time::Duration::days(1), now + time::Duration::days(days))
}

/// Whether the first certificate of a chain names exactly `names` and has enough time left.
fn still_fits(chain: &str, names: &[String]) -> bool {
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(chain.as_bytes()) else { return false };
    let Ok(cert) = pem.parse_x509() else { return false };
    let Ok(Some(san)) = cert.subject_alternative_name() else { return false };
    let mut have: Vec<String> = san.value.general_names.iter().filter_map(text).collect();
    let mut want = names.to_vec();
    have.sort_unstable();
    want.sort_unstable();
    let now = ambient::wall().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let left = cert.validity().not_after.timestamp() - i64::try_from(now).unwrap_or(i64::MAX);
    have == want && left > RENEW_DAYS * DAY_S
}

fn text(name: &x509_parser::extensions::GeneralName<'_>) -> Option<String> {
    use x509_parser::extensions::GeneralName;
    match name {
        GeneralName::DNSName(dns) => Some((*dns).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(*octets).ok()?).to_string()),
            16 => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*octets).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// Writes a file so that a reader sees the old one or the new one whole.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let failed = |cause| AuthorityError::File { path: path.to_path_buf(), cause };
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(mode).open(&beside).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn domains(names: &[&str]) -> Vec<DomainName> {
        names.iter().map(|name| DomainName::parse(name).expect("a domain")).collect()
    }

    /// The authority and a leaf are made once; other domains make another leaf under the same authority.
    #[test]
    fn made_once_and_reused() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = leaf(folder.path(), "edge", &domains(&["a.test", "b.test"])).expect("a leaf");
        let authority = fs::read_to_string(folder.path().join("ca.pem")).expect("ca.pem");
        let again = leaf(folder.path(), "edge", &domains(&["b.test", "a.test"])).expect("a leaf");
        assert_eq!((&again.chain, &again.key), (&first.chain, &first.key));

        let other = leaf(folder.path(), "edge", &domains(&["a.test"])).expect("a leaf");
        assert_ne!(other.key, first.key);
        assert!(other.chain.ends_with(&authority), "the same authority signs");
    }

    /// Keys are for their owner's eyes, in a folder of the owner's, and nothing half-written stays beside them.
    #[test]
    fn keys_are_private() {
        let outer = tempfile::tempdir().expect("a folder");
        let folder = outer.path().join("certs");
        leaf(&folder, "edge", &domains(&["a.test"])).expect("a leaf");
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), mode(&path)))
            .collect();
        files.sort_unstable();
        let own = |name: &str, mode| (name.to_owned(), mode);
        assert_eq!(
            files,
            [own("ca.key", 0o600), own("ca.pem", 0o644), own("edge.key", 0o600), own("edge.pem", 0o644)]
        );
    }

    /// An authority that cannot be read is told of by its path and left as it is: clients may trust it.
    #[test]
    fn a_broken_authority_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        leaf(folder.path(), "edge", &domains(&["a.test"])).expect("a leaf");
        let key = folder.path().join("ca.key");
        fs::write(&key, "no key").expect("written");
        let error = leaf(folder.path(), "edge", &domains(&["a.test"])).expect_err("no authority");
        assert!(error.to_string().contains("ca.key"), "{error}");
        assert_eq!(fs::read_to_string(&key).expect("ca.key"), "no key");
    }
}
