//! Errors as RFC 9457 problem details.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::config::diagnostic::Diagnostics;
use crate::model::limits::TABLE_BYTES;

/// What went wrong with a call.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
}

impl Problem {
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { kind, title, status: status.as_u16(), detail: detail.into(), diagnostics: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "/problems/bad-request", "The request is not understood", detail)
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "There is no such thing", detail)
    }

    pub fn refused(diagnostics: Diagnostics) -> Self {
        let mistakes = match diagnostics.0.len() {
            1 => String::from("1 mistake"),
            n => format!("{n} mistakes"),
        };
        let detail = format!("{mistakes}, nothing was changed");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let problem = Self::new(status, "/problems/table-refused", "The table was refused", detail);
        Self { diagnostics: Some(diagnostics), ..problem }
    }
}

/// What the framework answers by itself, as a problem too: a body over the limit, a method that a path does not have.
pub fn in_own_words(response: Response) -> Response {
    let status = response.status();
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => format!("a body has at most {TABLE_BYTES} bytes"),
        StatusCode::METHOD_NOT_ALLOWED => {
            String::from("this path does not have that method; see /v1/openapi.json")
        }
        _ => return response,
    };
    let (kind, title) = if status == StatusCode::PAYLOAD_TOO_LARGE {
        ("/problems/too-large", "The body is too large")
    } else {
        ("/problems/method", "The method is not allowed")
    };
    let mut answer = Problem::new(status, kind, title, detail).into_response();
    // RFC 9110 asks for it with 405.
    answer
        .headers_mut()
        .extend(response.headers().get(header::ALLOW).cloned().map(|allow| (header::ALLOW, allow)));
    answer
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}
