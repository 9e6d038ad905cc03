//! TLS policies, certificates and name checks of a table; its limits, and what is warned about.

use tidegate::config;
use tidegate::model::domain::{MinimumTls, TlsPolicy};
use tidegate::model::group::NameCheck;

use crate::support::{checked, only, refused, table};

const ONE: &str = "[origin_groups.g.origins.o]\nhost = \"o.test\"\n";

fn with(extra: &str) -> String {
    format!("{ONE}{extra}\n[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\n")
}

/// FD-H2: nothing below TLS 1.2. FD-H4: DHE names are accepted. FD-H5: a customized policy lists suites per version.
/// FD-H8: the policy is the domain's.
#[test]
fn tls_policies() {
    let policy = |keys: &str| with(&format!("[domains.\"a.test\"]\n{keys}\n"));
    assert_eq!(table(&policy("")).domains[0].tls, TlsPolicy::Tls12_2023);
    assert_eq!(table(&policy("tls_policy = \"tls12_2022\"")).domains[0].tls, TlsPolicy::Tls12_2022);
    assert_eq!(only(&policy("tls_policy = \"tls10_2019\"")), ("tls-retired", Some("FD-H2")));
    let custom = "tls_policy = \"customized\"\nminimum_tls_version = ";
    for old in ["\"1.0\"", "\"1.1\""] {
        let text = policy(&format!(
            "{custom}{old}\ncipher_suites_tls13 = [\"TLS_AES_128_GCM_SHA256\"]\ncipher_suites_tls12 = [\"DHE_RSA_AES128_GCM_SHA256\"]"
        ));
        assert_eq!(only(&text), ("tls-retired", Some("FD-H2")));
    }
    let text = policy(&format!(
        "{custom}\"1.2\"\ncipher_suites_tls13 = [\"TLS_AES_128_GCM_SHA256\"]\ncipher_suites_tls12 = [\"DHE_RSA_AES256_GCM_SHA384\"]"
    ));
    assert!(matches!(&table(&text).domains[0].tls, TlsPolicy::Customized { minimum: MinimumTls::Tls12, .. }));
    assert_eq!(only(&policy(&format!("{custom}\"1.3\""))), ("tls-suites", Some("FD-H5")));
    assert_eq!(
        only(&policy("cipher_suites_tls13 = [\"TLS_AES_128_GCM_SHA256\"]")),
        ("tls-policy", Some("FD-H5"))
    );
    // Another domain keeps its own.
    assert_eq!(
        table(&(policy("tls_policy = \"tls12_2022\"") + "[domains.\"b.test\"]\n")).domains[1].tls,
        TlsPolicy::Tls12_2023
    );
}

/// FD-H14, FD-H15, FD-H17: an exact certificate beats a wildcard one, which serves its subdomains all the same.
#[test]
fn certificates_of_domains() {
    let text = format!(
        "{ONE}[certificates.wild]\ndomains = [\"*.d.test\"]\nself_signed = true\n[certificates.exact]\n\
         domains = [\"a.d.test\"]\nself_signed = true\n[routes.r]\n\
         domains = [\"a.d.test\", \"b.d.test\", \"*.d.test\", \"x.b.d.test\"]\norigin_group = \"g\"\n"
    );
    let table = table(&text);
    let certificate =
        |at: usize| table.domains[at].certificate.map(|id| table.certificate(id).name.to_string());
    let names: Vec<_> = (0..4).map(certificate).collect();
    assert_eq!(names, [Some("exact".into()), Some("wild".into()), Some("wild".into()), None]);
}

/// FD-H23, FD-H24: the modes of the name check.
#[test]
fn name_checks() {
    let check = |keys: &str| table(&format!("{ONE}{keys}\n")).origins[0].tls.name_check.clone();
    assert_eq!(check(""), NameCheck::OriginHost);
    assert_eq!(check("certificate_name_check = false"), NameCheck::Off);
    assert_eq!(check("certificate_name = \"incoming_host\""), NameCheck::IncomingHost);
    assert!(
        matches!(check("certificate_subjects = [\"x.test\", \"y.test\"]"), NameCheck::Subjects(names) if names.len() == 2)
    );
    let three = format!("{ONE}certificate_subjects = [\"x.test\", \"y.test\", \"z.test\"]\n");
    assert_eq!(only(&three), ("certificate-subjects", Some("FD-H24")));
}

/// FD-K1: the numbers of section K are defaults of settings; a table above one is refused, and the limit is named.
#[test]
fn limits_of_a_table() {
    let defaults = table(ONE).settings.limits;
    assert_eq!((defaults.endpoints, defaults.domains, defaults.origin_groups), (25, 500, 200));
    assert_eq!((defaults.origins_per_group, defaults.origins, defaults.routes), (50, 200, 200));
    assert_eq!(
        (defaults.patterns_per_route, defaults.composite_routes, defaults.websockets),
        (50, 5_000, 3_000)
    );
    let groups = |n: usize| (0..n).map(|i| format!("[origin_groups.g{i}]\n")).collect::<String>();
    for (limit, text) in [
        ("origin_groups", groups(201)),
        ("endpoints", (0..26).map(|i| format!("[endpoints.e{i}]\n")).collect()),
        ("domains", (0..501).map(|i| format!("[domains.\"d{i}.test\"]\n")).collect()),
        (
            "certificates",
            (0..501)
                .map(|i| format!("[certificates.c{i}]\ndomains = [\"d{i}.test\"]\nself_signed = true\n"))
                .collect(),
        ),
        (
            "routes",
            format!(
                "{ONE}{}",
                (0..201)
                    .map(|i| format!("[routes.r{i}]\ndomains = [\"d{i}.test\"]\norigin_group = \"g\"\n"))
                    .collect::<String>()
            ),
        ),
        (
            "patterns_per_route",
            with("")
                + &format!(
                    "patterns = [{}]\n",
                    (0..51).map(|i| format!("\"/{i}\"")).collect::<Vec<_>>().join(",")
                ),
        ),
        (
            "origins_per_group",
            format!(
                "[origin_groups.g]\nhealth_probe = {{}}\n{}",
                (0..51)
                    .map(|i| format!("[origin_groups.g.origins.o{i}]\nhost = \"o{i}.test\"\n"))
                    .collect::<String>()
            ),
        ),
    ] {
        let diagnostics = refused(&text);
        let named = diagnostics
            .0
            .iter()
            .any(|d| d.rule == Some("FD-K1") && d.message.contains(&format!("limits.{limit}")));
        assert!(named, "{limit}: {}", config::render::lines(&diagnostics));
    }
    assert!(config::read("t", &format!("[limits]\norigin_groups = 300\n{}", groups(201))).is_ok());
}

/// FD-M2: a slow failover is warned about. FD-M6: so is a probe of another protocol than the traffic's.
/// FD-M7: so is a group nobody uses. FD-D12: so are weights without effect. FD-H21: so is a name check on an address.
#[test]
fn lint() {
    let warned = |text: &str| checked(text).warnings.0.iter().map(|d| d.code).collect::<Vec<_>>();
    let group =
        |probe: &str, origins: &str| format!("[origin_groups.g]\nhealth_probe = {{ {probe} }}\n{origins}");
    let route = |protocol: &str| {
        format!(
            "[certificates.c]\ndomains = [\"a.test\"]\nself_signed = true\n[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"{protocol}\"\n"
        )
    };
    assert_eq!(warned(&(group("interval_s = 30", ONE) + &route("http_only"))), [""; 0]);
    assert_eq!(warned(&(group("interval_s = 31", ONE) + &route("http_only"))), ["slow-failover"]);
    assert_eq!(warned(&(group("", ONE) + &route("https_only"))), ["probe-protocol"]);
    assert_eq!(warned(&group("", ONE)), ["unused-group"]);
    let weights = "[origin_groups.g.origins.p]\nhost = \"p.test\"\nweight = 51\n";
    assert_eq!(
        warned(&(group("", &format!("{ONE}{weights}")) + &route("http_only"))),
        ["weights-without-effect"]
    );
    let address = ONE.replace("o.test", "127.0.0.1");
    assert_eq!(
        warned(&(group("protocol = \"https\"", &address) + &route("https_only"))),
        ["address-name-check"]
    );
    let plain =
        "[routes.r]\ndomains = [\"a.test\"]\norigin_group = \"g\"\nforwarding_protocol = \"http_only\"\n";
    assert_eq!(warned(&(group("", ONE) + plain)), ["no-certificate"]);
}
