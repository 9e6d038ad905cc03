//! The admin API's caller.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{Reach, Trouble};
use crate::config;

/// An answer of the admin API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// Where an edge is looked for without any hint.
const STANDARD: &str = "http://127.0.0.1:8900";

impl Client {
    /// # Errors
    /// The token file cannot be read.
    pub fn new(reach: &Reach) -> Result<Self, Trouble> {
        let base = reach
            .admin
            .clone()
            .or_else(|| admin_of(Path::new("routes.toml")))
            .unwrap_or_else(|| STANDARD.to_owned());
        let base = if base.contains("://") { base } else { format!("http://{base}") };
        let read = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path).map_err(|e| Trouble(format!("{}: {e}", path.display())))
        };
        let token = match &reach.token_file {
            Some(path) => Some(read(path)?),
            None => std::env::var("TIDEGATE_TOKEN").ok(),
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)));
        let token = token.map(|t| t.trim().to_owned());
        Ok(Self { agent: config.build().into(), base: base.trim_end_matches('/').to_owned(), token })
    }

    /// One call.
    ///
    /// # Errors
    /// No edge answers.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.unwrap_or("").to_owned())?;
        let mut response = self.agent.run(request).map_err(|error| self.nobody(&error))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body })
    }

    fn nobody(&self, error: &ureq::Error) -> Trouble {
        let base = &self.base;
        Trouble(format!(
            "no edge answers at {base}: {error}; start one with `tidegate serve`, or name its address with --admin"
        ))
    }
}

/// `[edge].admin` of a table in this folder.
fn admin_of(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let checked = config::read("routes.toml", &text).ok()?;
    Some(format!("http://{}", checked.edge.admin))
}

/// The body of an answer that is no refusal; a refusal is told on stderr.
pub fn accepted(answer: Answer) -> Option<Value> {
    if answer.status < 300 {
        return Some(answer.body);
    }
    eprintln!("{}", refusal(&answer, None));
    None
}

/// What a refusal says, for stderr. `file`: the name that diagnostics are to show instead of the edge's own.
pub fn refusal(answer: &Answer, file: Option<&str>) -> String {
    let text = |key: &str| answer.body[key].as_str().unwrap_or("").to_owned();
    let mut out = format!("{}: {}", text("title"), text("detail"));
    for diagnostic in answer.body["diagnostics"].as_array().into_iter().flatten() {
        let part = |key: &str| diagnostic[key].as_str().unwrap_or("").to_owned();
        let help = diagnostic["help"].as_str().map_or(String::new(), |help| format!("; {help}"));
        let rule = diagnostic["rule"].as_str().map_or(String::new(), |rule| format!(" ({rule})"));
        let name = file.map_or_else(|| part("file"), str::to_owned);
        let place = match diagnostic["line"].as_u64() {
            Some(0) | None => name,
            Some(line) => format!("{name}:{line}:{}", diagnostic["column"]),
        };
        out.push_str(&format!(
            "\n  {place}: {}[{}]: {}{rule}{help}",
            part("severity"),
            part("code"),
            part("message")
        ));
    }
    out
}
