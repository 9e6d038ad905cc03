//! The admin API (DESIGN.md 5): JSON over HTTP on a listener of its own, on a thread that no request of a client uses.

pub mod guard;
pub mod handlers;
pub mod openapi;
pub mod problem;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post, put};
use axum::{Router, response::Html};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::control::change::Control;
use crate::model::limits::TABLE_BYTES;

/// What every handler gets.
#[derive(Debug, Clone)]
pub struct AdminState(Arc<Inner>);

#[derive(Debug)]
pub struct Inner {
    pub control: Arc<Control>,
    pub token: Option<String>,
    pub address: SocketAddr,
    pub ready: Arc<AtomicBool>,
    /// Readers of the event stream now.
    pub subscribers: AtomicUsize,
}

impl std::ops::Deref for AdminState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl AdminState {
    pub fn new(
        control: Arc<Control>,
        token: Option<String>,
        address: SocketAddr,
        ready: Arc<AtomicBool>,
    ) -> Self {
        Self(Arc::new(Inner { control, token, address, ready, subscribers: AtomicUsize::new(0) }))
    }
}

/// All routes, with their guards.
pub fn router(state: AdminState) -> Router {
    use handlers as h;
    Router::new()
        .route("/", get(page))
        .route("/livez", get(h::livez))
        .route("/readyz", get(h::readyz))
        .route("/metrics", get(h::metrics))
        .route("/v1/table", get(h::table).put(h::put_table))
        .route("/v1/table/check", post(h::check_table))
        .route("/v1/health", get(h::health))
        .route("/v1/explain", post(h::explain))
        .route("/v1/history", get(h::history))
        .route("/v1/rollback", post(h::rollback))
        .route("/v1/regions/{name}", put(h::put_region))
        .route("/v1/origin-groups/{group}/origins/{origin}/override", put(h::put_override))
        .route("/v1/events", get(h::events))
        .route("/v1/openapi.json", get(h::openapi))
        .fallback(h::nothing_here)
        .layer(DefaultBodyLimit::max(TABLE_BYTES))
        .layer(middleware::from_fn_with_state(state.clone(), guard::check))
        .with_state(state)
}

/// Serves until `stop` turns true.
pub async fn serve(listener: TcpListener, state: AdminState, mut stop: watch::Receiver<bool>) {
    let app = router(state).into_make_service();
    let stopped = async move {
        // An edge that is gone is stopped as well.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    // An event stream never ends by itself, so open connections are not waited for.
    tokio::select! {
        served = axum::serve(listener, app) => if let Err(error) = served {
            tracing::error!(%error, "the admin API ended");
        },
        () = stopped => {}
    }
}

async fn page() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tidegate</title>\
         <h1>Tidegate</h1><ul><li><a href=\"/v1/health\">health</a><li><a href=\"/v1/history\">history</a>\
         <li><a href=\"/v1/table\">table</a><li><a href=\"/metrics\">metrics</a>\
         <li><a href=\"/v1/openapi.json\">API description</a></ul></html>",
    )
}
