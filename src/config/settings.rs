//! The settings of a whole table, section by section (FD-M.2, and `[limits]`).

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::{Note, Section};
use crate::decide::pick::ORIGINS_MAX;
use crate::model::bounds::OriginTimeoutS;
use crate::model::limits::Limits;
use crate::model::settings::{AllUnhealthy, CookieFormat, ErrorCodes, Settings, TrustedProxies};

/// What only the reading of other sections needs.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Key of the affinity cookies' values; None: derived from the Front Door id.
    pub affinity_key: Option<String>,
}

pub fn read(root: &Section<'_, '_>) -> (Settings, Secrets) {
    let mut settings = Settings::default();
    let mut secrets = Secrets::default();
    profile(root, &mut settings);
    compat(root, &mut settings);
    probe_and_health(root, &mut settings);
    balancing(root, &mut settings);
    affinity(root, &mut settings, &mut secrets);
    times(root, &mut settings);
    trust(root, &mut settings);
    limits(root, &mut settings.limits);
    (settings, secrets)
}

fn profile(root: &Section<'_, '_>, settings: &mut Settings) {
    let origin = root.section("origin");
    if let Some(section) = &origin {
        if let Some(timeout) =
            section.bounded("default_response_timeout_s", Note::new("timeout-range", "").rule("FD-A7"))
        {
            settings.response_timeout = timeout;
        }
        seconds(section, "connect_timeout_s", 1, 60, &mut settings.connect_timeout);
    }
    origin.into_iter().for_each(Section::finish);
    let Some(section) = root.section("profile") else { return };
    if let Some(id) = section.text("front_door_id") {
        let hex = |c: char| c.is_ascii_hexdigit();
        let groups: Vec<&str> = id.value.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|g| g.len()).collect();
        if lengths != [8, 4, 4, 4, 12] || !groups.iter().all(|g| g.chars().all(hex)) {
            let note = Note::new("front-door-id", format!("{:?} is no GUID", id.value));
            section.error(
                "front_door_id",
                note.help("write 8-4-4-4-12 hexadecimal digits, or leave the key out"),
            );
        }
        id.value.clone_into(&mut settings.front_door_id);
    }
    let note = Note::new("timeout-range", "").rule("FD-A7").help("choose 16 to 240 seconds");
    if let Some(timeout) = section.bounded::<OriginTimeoutS>("origin_response_timeout_s", note) {
        settings.response_timeout = timeout;
    }
    section.finish();
}

fn compat(root: &Section<'_, '_>, settings: &mut Settings) {
    let Some(section) = root.section("compat") else { return };
    let codes = [("current", ErrorCodes::Current), ("legacy", ErrorCodes::Legacy)];
    settings.error_codes = section.choice("error_codes", &codes).unwrap_or_default();
    let status = |key: &'static str, allowed: &[i64], rule| {
        let found = section.int(key)?;
        if !allowed.contains(&found.value) {
            let list = allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let note = Note::new("status-choice", format!("{key} {} is not offered", found.value));
            section.error(key, note.rule(rule).help(format!("write one of {list}")));
        }
        u16::try_from(found.value).ok()
    };
    settings.no_route_status = status("no_route_status", &[404, 400], "FD-B15");
    settings.https_redirect_status =
        status("https_redirect_status", &[301, 302, 307, 308], "FD-B21").unwrap_or(301);
    section.finish();
}

fn probe_and_health(root: &Section<'_, '_>, settings: &mut Settings) {
    if let Some(section) = root.section("probe") {
        let note = Note::new("interval-range", "").rule("FD-C10");
        settings.probe_default_interval = section.bounded("default_interval_s", note).unwrap_or_default();
        let timeout = section.within("timeout_s", 1, 255, Note::new("timeout-range", "").rule("FD-C14"));
        settings.probe_timeout = timeout.map(|s| Duration::from_secs(s.unsigned_abs()));
        if let Some(factor) =
            section.within("idle_slowdown", 1, 100, Note::new("factor-range", "").rule("FD-C29"))
        {
            settings.probe_idle_slowdown = u8::try_from(factor).unwrap_or(1);
        }
        let words = [("probe", true), ("skip", false)];
        settings.probe_unattached_groups = section.choice("unattached_groups", &words).unwrap_or(true);
        section.finish();
    }
    if let Some(section) = root.section("health") {
        let words = [("success", true), ("failure", false)];
        settings.missing_samples_succeed = section.choice("missing_samples", &words).unwrap_or(true);
        let words = [
            ("honour_priority", AllUnhealthy::HonourPriority),
            ("round_robin_all", AllUnhealthy::RoundRobinAll),
        ];
        settings.all_unhealthy = section.choice("all_unhealthy", &words).unwrap_or_default();
        section.finish();
    }
}

fn balancing(root: &Section<'_, '_>, settings: &mut Settings) {
    if let Some(section) = root.section("lb") {
        let note = Note::new("latency-range", "").rule("FD-D6");
        settings.default_latency_slack = section.bounded("default_sensitivity_ms", note).unwrap_or_default();
        let note = Note::new("weight-range", "").rule("FD-D10");
        settings.default_weight = section.bounded("default_weight", note).unwrap_or_default();
        section.finish();
    }
    if let Some(section) = root.section("retry") {
        let note = Note::new("attempts-range", "").rule("FD-D28").help("1 is no retry, 2 is one retry");
        settings.attempts = section.bounded("max_attempts", note).unwrap_or_default();
        settings.retry_non_idempotent = section.flag("non_idempotent_after_send").unwrap_or(false);
        section.finish();
    }
}

fn affinity(root: &Section<'_, '_>, settings: &mut Settings, secrets: &mut Secrets) {
    let Some(section) = root.section("affinity") else { return };
    let words = [("tagged", CookieFormat::Tagged), ("plain", CookieFormat::Plain)];
    settings.cookie_format = section.choice("cookie_format", &words).unwrap_or_default();
    settings.forward_affinity_cookies = section.flag("forward_cookies").unwrap_or(false);
    secrets.affinity_key = section.text("key").map(|t| t.value.to_owned());
    section.finish();
}

fn times(root: &Section<'_, '_>, settings: &mut Settings) {
    let Some(section) = root.section("client") else { return };
    seconds(&section, "keep_alive_s", 1, 3600, &mut settings.client_keep_alive);
    seconds(&section, "stall_s", 1, 3600, &mut settings.client_stall);
    seconds(&section, "header_s", 1, 600, &mut settings.client_header_timeout);
    section.finish();
}

fn seconds(section: &Section<'_, '_>, key: &'static str, min: i64, max: i64, into: &mut Duration) {
    if let Some(s) = section.within(key, min, max, Note::new("time-range", "")) {
        *into = Duration::from_secs(s.unsigned_abs());
    }
}

fn trust(root: &Section<'_, '_>, settings: &mut Settings) {
    if let Some(section) = root.section("client_ip") {
        settings.trusted_proxies = proxies(&section);
        section.finish();
    }
    if let Some(section) = root.section("tls") {
        let files = section.list("extra_roots").unwrap_or_default();
        settings.extra_roots = files.iter().map(|f| PathBuf::from(f.value)).collect();
        settings.insecure_origins = section.flag("insecure_origins").unwrap_or(false);
        if settings.insecure_origins {
            let note = Note::new("insecure-origins", "certificates of origins are not checked at all")
                .rule("FD-H27");
            section.reader.warn(
                &section.span_of("insecure_origins"),
                note.help("name their authority in `extra_roots` instead"),
            );
        }
        section.finish();
    }
}

/// `"all"`, or a list of networks.
fn proxies(section: &Section<'_, '_>) -> TrustedProxies {
    let key = "trusted_proxies";
    if !section.has(key) || section.is_text(key) {
        if let Some(text) = section.text(key).filter(|text| text.value != "all") {
            let note = Note::new("unknown-word", format!("{key} {:?} is not known", text.value));
            section.error(
                key,
                note.rule("FD-E17").help("write \"all\", or a list of networks such as [\"10.0.0.0/8\"]"),
            );
        }
        return TrustedProxies::All;
    }
    let mut nets = Vec::new();
    for text in section.list(key).unwrap_or_default() {
        let parse = |t: &str| {
            t.parse::<IpNet>().or_else(|e| t.parse::<std::net::IpAddr>().map(IpNet::from).map_err(|_| e))
        };
        let note = Note::new("network", "")
            .rule("FD-E17")
            .help("write an address or a network such as \"10.0.0.0/8\"");
        nets.extend(section.parse_at(&text, note, parse).map(|l| l.value));
    }
    TrustedProxies::Listed(nets)
}

fn limits(root: &Section<'_, '_>, limits: &mut Limits) {
    let Some(section) = root.section("limits") else { return };
    let note = || Note::new("limit-range", "");
    let size = |key: &'static str, max: i64, into: &mut usize| {
        if let Some(n) = section.within(key, 1, max, note()) {
            *into = usize::try_from(n).unwrap_or(*into);
        }
    };
    size("endpoints", 100_000, &mut limits.endpoints);
    size("domains", 100_000, &mut limits.domains);
    size("origin_groups", 100_000, &mut limits.origin_groups);
    size("origins_per_group", i64::try_from(ORIGINS_MAX).unwrap_or(512), &mut limits.origins_per_group);
    size("origins", 100_000, &mut limits.origins);
    size("routes", 100_000, &mut limits.routes);
    size("patterns_per_route", 10_000, &mut limits.patterns_per_route);
    size("composite_routes", 10_000_000, &mut limits.composite_routes);
    size("certificates", 100_000, &mut limits.certificates);
    size("url_bytes", 1 << 20, &mut limits.url_bytes);
    size("query_bytes", 1 << 20, &mut limits.query_bytes);
    size("header_bytes", 1 << 20, &mut limits.header_bytes);
    size("headers_bytes", 4 << 20, &mut limits.headers_bytes);
    size("header_count", 256, &mut limits.header_count);
    size("websockets", 10_000_000, &mut limits.websockets);
    size("connections", 10_000_000, &mut limits.connections);
    size("origin_idle", 100_000, &mut limits.origin_idle);
    if let Some(n) = section.within("body_bytes", 1, i64::MAX, note()) {
        limits.body_bytes = n.unsigned_abs();
    }
    if let Some(n) = section.within("h2_streams", 1, 100_000, note()) {
        limits.h2_streams = u32::try_from(n).unwrap_or(limits.h2_streams);
    }
    section.finish();
}
