//! The API's description.

use serde_json::{Map, Value, json};

/// Method, path, what it does.
pub const CALLS: [(&str, &str, &str); 17] = [
    ("get", "/", "A page with links"),
    ("get", "/livez", "The process is alive"),
    (
        "get",
        "/readyz",
        "200 when a table is loaded and the listeners are bound, 503 before and while draining",
    ),
    ("get", "/metrics", "Prometheus text"),
    ("get", "/v1/table", "The whole routes.toml with its generation as ETag"),
    ("put", "/v1/table", "Replaces the table: If-Match names the generation it started from, or *"),
    ("post", "/v1/table/check", "The gate without the swap"),
    (
        "get",
        "/v1/health",
        "Every origin: verdict, window, latency, last failure, next probe; every region: state and dial",
    ),
    ("post", "/v1/explain", "The decision about a hypothetical request, and every step of it"),
    ("get", "/v1/history", "Generations: when, by whom, what changed"),
    ("post", "/v1/rollback", "Back to a generation, or to the one before, as a new generation"),
    ("put", "/v1/regions/{name}", "State (active, drained, isolated) and dial (0 to 100) of a region"),
    (
        "put",
        "/v1/origin-groups/{group}/origins/{origin}/override",
        "Forces a verdict for a while; null lifts it",
    ),
    ("get", "/v1/events", "Server-sent events: swaps, refusals, transitions, orders"),
    ("get", "/v1/openapi.json", "This document"),
    ("head", "/v1/table", "The generation as ETag"),
    ("head", "/readyz", "As GET, without the text"),
];

fn body(method: &str, path: &str) -> Option<Value> {
    let object = |properties: Value| json!({ "application/json": { "schema": { "type": "object", "properties": properties } } });
    let content = match (method, path) {
        ("put", "/v1/table") | ("post", "/v1/table/check") => {
            json!({ "application/toml": { "schema": { "type": "string" } } })
        }
        ("post", "/v1/explain") => object(json!({
            "method": { "type": "string", "default": "GET" },
            "url": { "type": "string" },
            "client": { "type": "string", "description": "IP address" },
            "down": { "type": "array", "items": { "type": "string" }, "description": "region:NAME or origin:NAME" },
            "affinity": { "type": "string", "description": "value of an affinity cookie" }
        })),
        ("post", "/v1/rollback") => object(json!({ "generation": { "type": "integer" } })),
        ("put", "/v1/regions/{name}") => object(json!({
            "state": { "enum": ["active", "drained", "isolated"] },
            "dial": { "type": "integer", "minimum": 0, "maximum": 100 }
        })),
        ("put", _) => object(json!({
            "verdict": { "enum": ["up", "down", null] },
            "for_s": { "type": "integer", "minimum": 1, "maximum": 86400, "default": 600 }
        })),
        _ => return None,
    };
    Some(json!({ "required": path != "/v1/rollback", "content": content }))
}

/// The document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (method, path, summary) in CALLS {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters: Vec<Value> = names
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let mut call = json!({
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": { "description": "done" },
                "default": { "description": "RFC 9457 problem details", "content": { "application/problem+json": {} } }
            }
        });
        if let Some(body) = body(method, path) {
            call["requestBody"] = body;
        }
        let entry = paths.entry(path.to_owned()).or_insert_with(|| json!({}));
        entry[method] = call;
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tidegate admin API", "version": env!("CARGO_PKG_VERSION") },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "paths": paths
    })
}
