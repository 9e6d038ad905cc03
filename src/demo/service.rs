//! One stand-in service: answers name who served, `/health` reports what it depends on.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::watch;

/// What a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    BotApi,
    QnaMaker,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::BotApi => "bot-api",
            Self::QnaMaker => "qna-maker",
        }
    }

    /// What it needs of its own region.
    const fn dependencies(self) -> &'static [&'static str] {
        match self {
            Self::BotApi => &["luis", "state-store"],
            Self::QnaMaker => &["search-index"],
        }
    }
}

#[derive(Debug)]
pub struct Service {
    pub kind: Kind,
    pub region: String,
    pub instance: String,
    /// Whether each dependency works.
    dependencies: Mutex<BTreeMap<&'static str, bool>>,
}

/// Longest pause that `/slow` makes.
const SLOW_MAX_MS: u64 = 300_000;

impl Service {
    pub fn new(kind: Kind, region: String, instance: String) -> Self {
        let dependencies = Mutex::new(kind.dependencies().iter().map(|name| (*name, true)).collect());
        Self { kind, region, instance, dependencies }
    }

    fn dependencies(&self) -> MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.dependencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self) -> Value {
        json!({ "service": self.kind.name(), "region": self.region, "instance": self.instance })
    }
}

/// Serves until `stop` turns true.
pub async fn serve(service: Arc<Service>, listener: std::net::TcpListener, mut stop: watch::Receiver<bool>) {
    let app = Router::new()
        .route("/health", get(health))
        .route("/api/messages", post(message))
        .route("/generateAnswer", post(answer))
        .route("/events", get(events))
        .route("/slow", get(slow))
        .route("/break/{dependency}", post(break_it))
        .route("/mend/{dependency}", post(mend_it))
        .fallback(echo)
        .with_state(service);
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    tokio::select! {
        // Serving ends only with the listener.
        _ = async { axum::serve(listener, app).await } => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn health(State(service): State<Arc<Service>>) -> (StatusCode, Json<Value>) {
    let dependencies = service.dependencies().clone();
    let whole = dependencies.values().all(|works| *works);
    let status = if whole { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut body = service.who();
    body["status"] = json!(if whole { "healthy" } else { "unhealthy" });
    body["dependencies"] = json!(dependencies);
    (status, Json(body))
}

async fn message(State(service): State<Arc<Service>>, body: String) -> Json<Value> {
    let text = serde_json::from_str::<Value>(&body).ok().and_then(|v| v["text"].as_str().map(str::to_owned));
    let text = text.unwrap_or(body);
    let mut reply = service.who();
    reply["type"] = json!("message");
    reply["text"] = json!(format!("You said: {text}"));
    Json(reply)
}

async fn answer(State(service): State<Arc<Service>>, body: String) -> Json<Value> {
    let question =
        serde_json::from_str::<Value>(&body).ok().and_then(|v| v["question"].as_str().map(str::to_owned));
    let mut reply = service.who();
    let text = format!("From the index of {}: {}", service.region, question.unwrap_or_default());
    reply["answers"] = json!([{ "answer": text, "score": 100 }]);
    Json(reply)
}

async fn events(
    State(service): State<Arc<Service>>,
) -> Sse<impl stream::Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(0_u64, move |count| {
        let who = service.who();
        async move {
            if count > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let event = Event::default().id(count.to_string()).data(who.to_string());
            Some((Ok(event), count + 1))
        }
    }))
}

async fn slow(
    State(service): State<Arc<Service>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let ms = query.get("ms").and_then(|ms| ms.parse::<u64>().ok()).unwrap_or(1000).min(SLOW_MAX_MS);
    tokio::time::sleep(Duration::from_millis(ms)).await;
    let mut body = service.who();
    body["slept_ms"] = json!(ms);
    Json(body)
}

fn set(service: &Service, name: &str, works: bool) -> (StatusCode, Json<Value>) {
    let mut dependencies = service.dependencies();
    let Some(state) = dependencies.get_mut(name) else {
        let known: Vec<_> = dependencies.keys().collect();
        return (StatusCode::NOT_FOUND, Json(json!({ "unknown": name, "known": known })));
    };
    *state = works;
    (StatusCode::OK, Json(json!({ "dependencies": *dependencies })))
}

async fn break_it(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> (StatusCode, Json<Value>) {
    set(&service, &name, false)
}

async fn mend_it(State(service): State<Arc<Service>>, Path(name): Path<String>) -> (StatusCode, Json<Value>) {
    set(&service, &name, true)
}

async fn echo(
    State(service): State<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Json<Value> {
    let headers: BTreeMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut reply = service.who();
    reply["method"] = json!(method.as_str());
    reply["path"] = json!(uri.to_string());
    reply["headers"] = json!(headers);
    reply["body_bytes"] = json!(body.len());
    Json(reply)
}
