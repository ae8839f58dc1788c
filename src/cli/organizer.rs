//! The organizer's API of a booking core, from the command line.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use uuid::Uuid;

use super::booking::ORGANIZER_TOKEN;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where the organizer's API is. The token comes from the environment variable `FAIRGATE_ORGANIZER_TOKEN`.
#[derive(Debug, Args)]
pub(super) struct OrganizerArgs {
    /// The booking core's address for operators (its --metrics-listen). The token comes from FAIRGATE_ORGANIZER_TOKEN.
    #[arg(long, env = "FAIRGATE_BOOKING_ADMIN", value_name = "URL", default_value = "http://127.0.0.1:9091")]
    admin: String,
}

/// A client.
pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    pub(super) fn open(args: &OrganizerArgs) -> anyhow::Result<Self> {
        let token = std::env::var(ORGANIZER_TOKEN);
        let token = token.with_context(|| format!("{ORGANIZER_TOKEN} is not set: export the token first"))?;
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { http, base: format!("{}/api/v1/organizer", args.admin.trim_end_matches('/')), token })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<(Value, HeaderMap)> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Posts with a fresh idempotency key; where no answer comes, once more with the same one.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let key = Uuid::new_v4().to_string();
        let request = || self.request(Method::POST, path).header("idempotency-key", &key).json(body);
        let answered = match request().send().await {
            Ok(response) => self.read(response).await?,
            Err(_) => self.call(request()).await?,
        };
        Ok(answered.0)
    }

    pub(super) async fn patch(&self, path: &str, etag: &str, body: &Value) -> anyhow::Result<(Value, HeaderMap)> {
        self.call(self.request(Method::PATCH, path).header("if-match", etag).json(body)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.base)).bearer_auth(&self.token)
    }

    async fn call(&self, request: RequestBuilder) -> anyhow::Result<(Value, HeaderMap)> {
        let sent = request.send().await;
        let response = sent.with_context(|| {
            format!("cannot reach the organizer's API at {}: is the core running, and is this its --metrics-listen address?", self.base)
        })?;
        self.read(response).await
    }

    async fn read(&self, response: reqwest::Response) -> anyhow::Result<(Value, HeaderMap)> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body: Value = response.json().await.with_context(|| {
            format!("{} answered {status}, but not as a booking core does; check --admin", self.base)
        })?;
        if !status.is_success() {
            let field = body["field"].as_str().map_or_else(String::new, |field| format!(" [{field}]"));
            bail!("{}{field}", body["detail"].as_str().unwrap_or("refused without a reason"));
        }
        Ok((body, headers))
    }
}
