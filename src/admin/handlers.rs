//! One function per call.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::wrappers::BroadcastStream;

use super::AdminState;
use super::problem::Problem;
use crate::control::change::Outcome;
use crate::decide::explain::{self, Question};
use crate::model::bounds::Percent;
use crate::model::limits::EVENT_SUBSCRIBERS;
use crate::model::region::RegionState;
use crate::model::snapshot::Generation;

type Answer = Result<Response, Problem>;

pub async fn livez() -> &'static str {
    "alive\n"
}

pub async fn readyz(State(state): State<AdminState>) -> (StatusCode, &'static str) {
    if state.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

pub async fn metrics(State(state): State<AdminState>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], state.control.metrics().text())
}

fn etag(generation: Generation) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{generation}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

pub async fn table(State(state): State<AdminState>) -> Response {
    let (generation, text) = state.control.table();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/toml")),
        (header::ETAG, etag(generation)),
    ];
    (headers, text.to_string()).into_response()
}

/// `If-Match`: a generation, or `*` for whatever serves.
fn base(headers: &HeaderMap) -> Result<Option<Generation>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        let detail = "send `If-Match: \"GENERATION\"` with the ETag of GET /v1/table, or `If-Match: *`";
        let status = StatusCode::PRECONDITION_REQUIRED;
        return Err(Problem::new(status, "/problems/if-match", "The starting generation is missing", detail));
    };
    let text = value.to_str().unwrap_or("").trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.trim_matches('"').parse::<u64>();
    number
        .map(|n| Some(Generation(n)))
        .map_err(|_| Problem::bad_request(format!("If-Match {text:?} is no generation")))
}

fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body)
        .map_err(|error| Problem::bad_request(format!("the table is not UTF-8: {error}")))
}

fn outcome(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Applied { generation, changes, warnings } => {
            let body = json!({ "outcome": "applied", "generation": generation, "changes": changes, "warnings": warnings });
            Ok(([(header::ETAG, etag(generation))], Json(body)).into_response())
        }
        Outcome::Unchanged(generation) => {
            let body =
                json!({ "outcome": "unchanged", "generation": generation, "changes": [], "warnings": [] });
            Ok(([(header::ETAG, etag(generation))], Json(body)).into_response())
        }
        Outcome::Refused(diagnostics) => Err(Problem::refused(diagnostics)),
        Outcome::Conflict { base, current } => {
            let detail =
                format!("you started from generation {base}, and {current} serves: read it and try again");
            let status = StatusCode::PRECONDITION_FAILED;
            Err(Problem::new(status, "/problems/stale-generation", "Somebody else changed the table", detail))
        }
    }
}

/// Work that may take milliseconds happens beside the API's own thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let failed = |e: tokio::task::JoinError| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "/problems/internal",
            "Something went wrong",
            e.to_string(),
        )
    };
    tokio::task::spawn_blocking(work).await.map_err(failed)
}

pub async fn put_table(
    State(state): State<AdminState>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Answer {
    let base = base(&headers)?;
    utf8(&body)?;
    let work = move || state.control.apply(utf8(&body).unwrap_or(""), base, "api");
    outcome(aside(work).await?)
}

pub async fn check_table(State(state): State<AdminState>, body: axum::body::Bytes) -> Answer {
    utf8(&body)?;
    let checked = aside(move || state.control.check(utf8(&body).unwrap_or(""))).await?;
    match checked {
        Outcome::Applied { generation, changes, warnings } => {
            let body = json!({ "outcome": "would_apply", "generation": generation, "changes": changes, "warnings": warnings });
            Ok(Json(body).into_response())
        }
        other => outcome(other),
    }
}

pub async fn health(State(state): State<AdminState>) -> Json<Value> {
    let pinned = state.control.live().pin();
    let snapshot = &pinned.snapshot;
    let regions: Vec<Value> = snapshot
        .table
        .regions
        .iter()
        .zip(snapshot.regions.iter())
        .map(|(region, will)| {
            json!({ "name": region.name, "display_name": region.display_name, "state": will.state, "dial": will.dial })
        })
        .collect();
    let edge = &state.control.edge().name;
    let ready = state.ready.load(Ordering::Acquire);
    let origins = state.control.health();
    Json(
        json!({ "edge": edge, "ready": ready, "generation": snapshot.generation, "regions": regions, "origins": origins }),
    )
}

/// Body of `POST /v1/explain`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainBody {
    #[serde(default = "get")]
    method: String,
    url: String,
    client: Option<std::net::IpAddr>,
    #[serde(default)]
    down: Vec<String>,
    affinity: Option<String>,
}

fn get() -> String {
    String::from("GET")
}

fn parsed<T: for<'d> Deserialize<'d>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

pub async fn explain(State(state): State<AdminState>, body: axum::body::Bytes) -> Answer {
    let body: ExplainBody = parsed(&body)?;
    let pinned = state.control.live().pin();
    let mut down = Vec::new();
    for text in &body.down {
        let found = explain::parse_down(&pinned.snapshot.table, text);
        down.extend(found.map_err(|error| Problem::bad_request(error.to_string()))?);
    }
    let ExplainBody { method, url, client, affinity, .. } = body;
    let question = Question { method, url, client, down, affinity, turn: 0 };
    let answer = explain::explain(&pinned.snapshot, &question);
    Ok(Json(answer.map_err(|error| Problem::bad_request(error.to_string()))?).into_response())
}

pub async fn history(State(state): State<AdminState>) -> Json<Value> {
    Json(json!({ "generations": state.control.history() }))
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    generation: Option<u64>,
}

pub async fn rollback(State(state): State<AdminState>, body: axum::body::Bytes) -> Answer {
    let body: RollbackBody = if body.is_empty() { RollbackBody::default() } else { parsed(&body)? };
    let work = move || state.control.rollback(body.generation.map(Generation), "api");
    outcome(aside(work).await?.map_err(|unknown| Problem::not_found(unknown.to_string()))?)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionBody {
    state: Option<RegionState>,
    dial: Option<i64>,
}

pub async fn put_region(
    State(state): State<AdminState>,
    Path(name): Path<String>,
    body: axum::body::Bytes,
) -> Answer {
    let body: RegionBody = parsed(&body)?;
    let dial = body.dial.map(Percent::try_from).transpose();
    let dial = dial.map_err(|error| Problem::bad_request(format!("dial {error}")))?;
    let will = state.control.order_region(&name, body.state, dial, "api");
    let will = will.map_err(|unknown| Problem::not_found(unknown.to_string()))?;
    Ok(Json(json!({ "name": name, "state": will.state, "dial": will.dial })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    /// `up`, `down`, or null to lift it.
    verdict: Option<Verdict>,
    #[serde(default = "ten_minutes")]
    for_s: u64,
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Up,
    Down,
}

const fn ten_minutes() -> u64 {
    600
}

/// Longest life of a forced verdict: a day.
const OVERRIDE_MAX_S: u64 = 86_400;

pub async fn put_override(
    State(state): State<AdminState>,
    Path((group, origin)): Path<(String, String)>,
    body: axum::body::Bytes,
) -> Answer {
    let body: OverrideBody = parsed(&body)?;
    if !(1..=OVERRIDE_MAX_S).contains(&body.for_s) {
        return Err(Problem::bad_request(format!("for_s {} is outside 1..={OVERRIDE_MAX_S}", body.for_s)));
    }
    let up = body.verdict.map(|v| v == Verdict::Up);
    let done = state.control.force_verdict(&group, &origin, up, Duration::from_secs(body.for_s), "api");
    done.map_err(|unknown| Problem::not_found(unknown.to_string()))?;
    Ok(Json(
        json!({ "group": group, "origin": origin, "verdict": up.map(|up| if up { "up" } else { "down" }) }),
    )
    .into_response())
}

/// Leaves the list of subscribers when the stream is dropped.
struct Subscriber(AdminState);

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}

pub async fn events(
    State(state): State<AdminState>,
) -> Result<Sse<impl Stream<Item = Result<axum::response::sse::Event, Infallible>>>, Problem> {
    let subscriber = Subscriber(state.clone());
    if state.subscribers.fetch_add(1, Ordering::Relaxed) >= EVENT_SUBSCRIBERS {
        let detail = format!("{EVENT_SUBSCRIBERS} readers follow the events already");
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "/problems/subscribers",
            "Too many readers",
            detail,
        ));
    }
    let stream = BroadcastStream::new(state.control.events()).filter_map(move |event| {
        let _counted = &subscriber;
        // A reader that cannot keep up misses the oldest ones.
        let event =
            event.ok().and_then(|event| axum::response::sse::Event::default().json_data(&*event).ok());
        std::future::ready(event.map(Ok))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

pub async fn openapi() -> Json<Value> {
    Json(super::openapi::document())
}

pub async fn nothing_here(uri: axum::http::Uri) -> Problem {
    Problem::not_found(format!("{} is not a path of this API; see /v1/openapi.json", uri.path()))
}
