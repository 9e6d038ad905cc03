//! Origin groups and their origins (FD-A.5, FD-A.6).

use std::path::PathBuf;
use std::time::Duration;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::places::limited;
use super::reader::{Located, Note, Section};
use super::settings::Secrets;
use crate::model::bounds::{Port, SampleSize, SuccessfulSamples};
use crate::model::domain::{Certificate, CertificateId};
use crate::model::group::{
    Group, GroupId, LoadBalancing, NameCheck, Origin, OriginHttp, OriginTls, ProbeMethod, ProbeSettings,
};
use crate::model::limits::PROBE_TIMEOUT_S;
use crate::model::name::{GroupName, HostName, OriginName};
use crate::model::region::{Region, RegionId};
use crate::model::route::Scheme;
use crate::model::settings::{CookieFormat, Settings};

/// What origins refer to.
#[derive(Debug)]
pub struct Context<'c> {
    pub settings: &'c Settings,
    pub secrets: &'c Secrets,
    pub regions: &'c [Region],
    pub certificates: &'c [Certificate],
}

/// Groups with their origins side by side, and where each group stands in the file.
#[derive(Debug, Default)]
pub struct Groups {
    pub groups: Vec<Group>,
    pub origins: Vec<Origin>,
    pub spans: Vec<std::ops::Range<usize>>,
}

pub fn read(root: &Section<'_, '_>, context: &Context<'_>) -> Groups {
    let limits = &context.settings.limits;
    let found = root.named("origin_groups");
    limited(&found, limits.origin_groups, "origin groups", "origin_groups", root);
    let mut out = Groups::default();
    for (name, section) in found {
        let parsed = section.parse_at(&name, Note::name(), GroupName::parse);
        let id = GroupId(u32::try_from(out.groups.len()).unwrap_or(u32::MAX));
        let from = out.origins.len();
        let load_balancing = load_balancing(&section, context);
        let probe = probe(&section, context);
        let session_affinity = section.flag("session_affinity").unwrap_or(false);
        let restoration = section.within(
            "traffic_restoration_min",
            0,
            50,
            Note::new("restoration-range", "").rule("FD-A19"),
        );
        out.origins.extend(origins(&section, name.value, id, context));
        check_probes(&section, probe.as_ref(), &out.origins[from..]);
        section.finish();
        let Some(name) = parsed else {
            out.origins.truncate(from);
            continue;
        };
        let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        out.groups.push(Group {
            name: name.value,
            load_balancing,
            probe,
            session_affinity,
            traffic_restoration_min: u8::try_from(restoration.unwrap_or(10)).unwrap_or(10),
            origins: (index(from), index(out.origins.len())),
            attached: false,
        });
        out.spans.push(name.span);
    }
    if out.origins.len() > limits.origins {
        let message =
            format!("{} origins are more than `limits.origins` = {}", out.origins.len(), limits.origins);
        let note =
            Note::new("over-limit", message).help("raise `limits.origins`, or remove some").rule("FD-K1");
        root.reader.error(&root.span_of("origin_groups"), note);
    }
    out
}

fn load_balancing(section: &Section<'_, '_>, context: &Context<'_>) -> LoadBalancing {
    let mut out = LoadBalancing {
        additional_latency_ms: context.settings.default_latency_slack,
        ..LoadBalancing::default()
    };
    let Some(section) = section.section("load_balancing") else { return out };
    if let Some(n) =
        section.bounded::<SampleSize>("sample_size", Note::new("sample-range", "").rule("FD-A17"))
    {
        out.sample_size = n;
    }
    let note = Note::new("sample-range", "").rule("FD-A17");
    if let Some(x) = section.bounded::<SuccessfulSamples>("successful_samples_required", note) {
        out.successful_samples_required = x;
    }
    let (n, x) = (out.sample_size.get(), out.successful_samples_required.get());
    if x > n && n > 0 {
        let message = format!("successful_samples_required {x} is more than sample_size {n}");
        let note = Note::new("sample-order", message).rule("FD-A17");
        section.error(
            "successful_samples_required",
            note.help("require at most as many successes as samples are kept"),
        );
    }
    let note = Note::new("latency-range", "").rule("FD-D6");
    if let Some(slack) = section.bounded("additional_latency_ms", note) {
        out.additional_latency_ms = slack;
    }
    section.finish();
    out
}

fn probe(section: &Section<'_, '_>, context: &Context<'_>) -> Option<ProbeSettings> {
    let section = section.section("health_probe")?;
    let path = section.text("path").map_or_else(
        || String::from("/"),
        |path| {
            if !path.value.starts_with('/') || path.value.bytes().any(|b| b <= b' ' || b == 0x7f) {
                let note = Note::new(
                    "probe-path",
                    format!("probe path {:?} does not start with `/`, or has a blank", path.value),
                );
                section.error("path", note.help("write a path such as /health").rule("FD-C3"));
            }
            path.value.to_owned()
        },
    );
    let methods = [("HEAD", ProbeMethod::Head), ("GET", ProbeMethod::Get), ("not_set", ProbeMethod::Head)];
    let method = section.choice("method", &methods).unwrap_or_default();
    let protocol = section
        .choice("protocol", &[("http", Scheme::Http), ("https", Scheme::Https)])
        .unwrap_or(Scheme::Http);
    let note = Note::new("interval-range", "").rule("FD-C10").help("probe every 5 to 255 seconds");
    let interval = section.bounded("interval_s", note).unwrap_or(context.settings.probe_default_interval);
    let own = section.within("timeout_s", 1, 255, Note::new("timeout-range", "").rule("FD-C14"));
    let standard = Duration::from_secs(u64::from(interval.get()).min(PROBE_TIMEOUT_S));
    let own = own.map(|s| Duration::from_secs(s.unsigned_abs()));
    let timeout = own.or(context.settings.probe_timeout).unwrap_or(standard);
    section.finish();
    Some(ProbeSettings { path, method, protocol, interval, timeout })
}

/// FD-C24: probes may be off only while at most one origin is enabled.
fn check_probes(section: &Section<'_, '_>, probe: Option<&ProbeSettings>, origins: &[Origin]) {
    let enabled = origins.iter().filter(|o| o.enabled).count();
    if probe.is_none() && enabled > 1 {
        let message = format!("[{}] has {enabled} enabled origins and no probe", section.path);
        let note = Note::new("probes-off", message)
            .rule("FD-C24")
            .help("add `health_probe = { path = \"/health\" }` to the group");
        section.reader.error(&section.span, note);
    }
}

fn origins(group: &Section<'_, '_>, group_name: &str, id: GroupId, context: &Context<'_>) -> Vec<Origin> {
    let found = group.named("origins");
    let most = context.settings.limits.origins_per_group;
    limited(&found, most, "origins in one group", "origins_per_group", group);
    let mut out: Vec<Origin> = Vec::new();
    for (name, section) in found {
        let origin = origin(&section, &name, group_name, id, context);
        let host = section.span_of("host");
        section.finish();
        let Some(origin) = origin else { continue };
        // FD-A20, with the port: stand-ins share an address and differ by port.
        let same = |o: &&Origin| {
            (&o.host, o.http_port, o.https_port) == (&origin.host, origin.http_port, origin.https_port)
        };
        if let Some(other) = out.iter().find(same) {
            let message = format!("origins {} and {} have the same address", other.name, origin.name);
            let note = Note::new("duplicate-origin", message)
                .rule("FD-A20")
                .help("remove one, or give it another host or port");
            group.reader.error(&host, note);
        }
        out.push(origin);
    }
    out
}

fn origin(
    section: &Section<'_, '_>,
    name: &Located<&str>,
    group_name: &str,
    group: GroupId,
    context: &Context<'_>,
) -> Option<Origin> {
    let parsed = section.parse_at(name, Note::name(), OriginName::parse);
    let host = section.parsed("host", Note::host(), HostName::parse);
    if !section.has("host") {
        let note = Note::new("missing-key", format!("origin {} has no `host`", name.value));
        section.reader.error(&name.span, note.help("write the origin's DNS name or IP address"));
    }
    let region = region(section, context);
    let port = |key, standard: Port| section.bounded(key, Note::new("port-range", "")).unwrap_or(standard);
    let http_port = port("http_port", Port::DEFAULT);
    let https_port = port("https_port", Port::try_from(443).unwrap_or(Port::DEFAULT));
    let host_header = section.text("host_header").filter(|t| !t.value.is_empty());
    if let Some(text) = &host_header
        && text.value.bytes().any(|b| !b.is_ascii_graphic() || b == b'/')
    {
        let note = Note::new("host-header", format!("{:?} is no host", text.value));
        section.error("host_header", note.help("write a host, with a port if need be").rule("FD-E11"));
    }
    let priority =
        section.bounded("priority", Note::new("priority-range", "").rule("FD-D4")).unwrap_or_default();
    let note = Note::new("weight-range", "").rule("FD-D10");
    let weight = section.bounded("weight", note.help("to stop traffic to an origin, set `enabled = false`"));
    let enabled = section.flag("enabled").unwrap_or(true);
    let http = section
        .choice("http_version", &[("1.1", OriginHttp::Http1), ("2", OriginHttp::Http2)])
        .unwrap_or_default();
    let tls = OriginTls {
        name_check: name_check(section),
        ca_file: section.text("ca_file").map(|t| PathBuf::from(t.value)),
        client_certificate: client_certificate(section, context),
    };
    let affinity_value = affinity_value(group_name, name.value, context);
    Some(Origin {
        name: parsed?.value,
        group,
        region,
        host: host?.value,
        http_port,
        https_port,
        host_header: host_header.map(|t| t.value.to_owned()),
        priority,
        weight: weight.unwrap_or(context.settings.default_weight),
        enabled,
        http,
        tls,
        affinity_value,
    })
}

fn region(section: &Section<'_, '_>, context: &Context<'_>) -> Option<RegionId> {
    let text = section.text("region")?;
    let at = context.regions.iter().position(|r| r.name.as_str() == text.value);
    if at.is_none() {
        super::dangling(section, "region", &text, context.regions.iter().map(|r| r.name.as_str()));
    }
    Some(RegionId(u32::try_from(at?).ok()?))
}

fn client_certificate(section: &Section<'_, '_>, context: &Context<'_>) -> Option<CertificateId> {
    let text = section.text("client_certificate")?;
    let at = context.certificates.iter().position(|c| c.name.as_str() == text.value);
    if at.is_none() {
        super::dangling(
            section,
            "client_certificate",
            &text,
            context.certificates.iter().map(|c| c.name.as_str()),
        );
    }
    Some(CertificateId(u32::try_from(at?).ok()?))
}

/// FD-H23, FD-H24.
fn name_check(section: &Section<'_, '_>) -> NameCheck {
    let on = section.flag("certificate_name_check").unwrap_or(true);
    let words = [("origin_host", NameCheck::OriginHost), ("incoming_host", NameCheck::IncomingHost)];
    let mode = section.choice("certificate_name", &words).unwrap_or_default();
    let subjects = section.list("certificate_subjects");
    if !on {
        return NameCheck::Off;
    }
    let Some(subjects) = subjects else { return mode };
    if subjects.is_empty() || subjects.len() > 2 {
        let note =
            Note::new("certificate-subjects", format!("{} names in certificate_subjects", subjects.len()));
        section.error("certificate_subjects", note.help("list one or two names").rule("FD-H24"));
    }
    let note = || Note::host();
    NameCheck::Subjects(
        subjects.iter().filter_map(|s| Some(section.parse_at(s, note(), HostName::parse)?.value)).collect(),
    )
}

/// FD-D17: an HMAC over the origin's place, so that a cookie tells nothing about it.
fn affinity_value(group: &str, origin: &str, context: &Context<'_>) -> String {
    let derived = || format!("affinity of {}", context.settings.front_door_id);
    let key = context.secrets.affinity_key.clone().unwrap_or_else(derived);
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(format!("{group}/{origin}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    match context.settings.cookie_format {
        CookieFormat::Tagged => format!("0003{hex}"),
        CookieFormat::Plain => hex,
    }
}
