//! Who may call: the token, the `Host` that defeats DNS rebinding, the `Origin` that defeats forged forms.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::AdminState;
use super::problem::{Problem, in_own_words};
use crate::model::limits::TABLE_BYTES;

/// Looks at every call before its handler, and writes mutations into the audit log.
pub async fn check(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let mutation = changes(request.method(), request.uri().path());
    let verdict = allowed(request.headers(), mutation, state.token.as_deref(), state.address);
    if let Err(problem) = verdict {
        return problem.into_response();
    }
    let stated =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|length| length > TABLE_BYTES) {
        let detail = format!("a body has at most {TABLE_BYTES} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Problem::new(status, "/problems/too-large", "The body is too large", detail).into_response();
    }
    let audited = mutation.then(|| (request.method().clone(), request.uri().path().to_owned()));
    let response = in_own_words(next.run(request).await);
    if let Some((method, path)) = audited {
        let status = response.status().as_u16();
        tracing::info!(target: "tidegate::audit", %method, path, status, "admin call");
    }
    response
}

/// Whether a call may change something: explain and check only answer.
fn changes(method: &Method, path: &str) -> bool {
    let answers = matches!(*method, Method::GET | Method::HEAD);
    !(answers || *method == Method::POST && matches!(path, "/v1/explain" | "/v1/table/check"))
}

/// Whether a call may go on.
///
/// # Errors
/// 401 without the token, 403 from a foreign page, 421 for a foreign host.
pub fn allowed(
    headers: &HeaderMap,
    mutation: bool,
    token: Option<&str>,
    address: SocketAddr,
) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    let host = text(header::HOST).unwrap_or("");
    let bearer = text(header::AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, given)| given.trim_start());
    if let Some(token) = token {
        let open = !mutation && address.ip().is_loopback();
        let right = bearer.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.as_bytes())));
        if !open && !right {
            let detail = "send `Authorization: Bearer TOKEN` with the token of `[edge] admin_token_file`";
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "/problems/token",
                "A token is needed",
                detail,
            ));
        }
    }
    if !own_host(host, address) {
        let detail = format!("this API does not serve {host:?}: call it by its address or as localhost");
        return Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "/problems/host",
            "The host is not this API's",
            detail,
        ));
    }
    let foreign =
        |origin: &str| origin.split_once("://").is_none_or(|(_, rest)| !rest.eq_ignore_ascii_case(host));
    if mutation && text(header::ORIGIN).is_some_and(foreign) {
        let detail = "a page of another site may not change this edge";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "/problems/origin",
            "The call comes from another site",
            detail,
        ));
    }
    Ok(())
}

/// A name that a foreign page could have pointed here is refused; addresses and localhost are not names of others.
fn own_host(host: &str, address: SocketAddr) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == address.ip() || address.ip().is_unspecified())
}
