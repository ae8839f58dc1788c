//! Problem details for HTTP interfaces (RFC 9457): the one place that knows their form.
//!
//! **Guarantees:**
//! - the edge, its admin API and the booking core write the same members, in the same order, with the same escapes
//! - members of a kind follow the four that every problem has, in the order in which they were added
//! - an answer is JSON whatever its texts hold
//!
//! Pure. Each interface keeps an enum of its own problems, says how each maps to these details, and which header fields go
//! along.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The media type of problem details in JSON (RFC 9457, 6.1).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What every type URL begins with; the name of the kind follows.
pub const TYPE_BASE: &str = "https://fairgate.dev/problems/";

/// A problem as clients read it (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// What kind of problem this is, as a URL.
    #[serde(rename = "type")]
    #[schema(example = "https://fairgate.dev/problems/busy")]
    pub kind: String,
    /// The kind in words; the same for every problem of the kind.
    #[schema(value_type = String)]
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// More members, by kind: `field`, `taken`, `retry_after_ms`, …
    #[serde(flatten)]
    #[schema(additional_properties)]
    pub extensions: Map<String, Value>,
}

impl ProblemDetails {
    /// A problem of a kind, whose name is `slug`. The title belongs to the kind, the detail to this one time.
    #[must_use]
    pub fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: [TYPE_BASE, slug].concat(),
            title: Cow::Borrowed(title),
            status: status.as_u16(),
            detail: detail.into(),
            extensions: Map::new(),
        }
    }

    /// Adds a member (RFC 9457, 3.2). One that is there already gets the new value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// The status as HTTP has it.
    #[must_use]
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and maps of them: nothing here can fail, and an answer goes out if it does.
        serde_json::to_string(self).unwrap_or_else(|_| format!("{{\"status\":{}}}", self.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> ProblemDetails {
        let detail = "say \"when\"\u{7}, </script> or \u{2028}";
        ProblemDetails::new(StatusCode::CONFLICT, "not-open", "The room is not open yet", detail)
            .with("retry_after_ms", 2_500)
            .with("opens_at_ms", 5_000)
            .with("a\"b", ["x", "y"].to_vec())
    }

    #[test]
    fn members_are_escaped_and_in_order() {
        assert_eq!(
            problem().to_json(),
            "{\"type\":\"https://fairgate.dev/problems/not-open\",\"title\":\"The room is not open yet\",\"status\":409,\
             \"detail\":\"say \\\"when\\\"\\u0007, </script> or \u{2028}\",\
             \"retry_after_ms\":2500,\"opens_at_ms\":5000,\"a\\\"b\":[\"x\",\"y\"]}"
        );
    }

    #[test]
    fn a_client_reads_what_a_server_writes() {
        let read: ProblemDetails = serde_json::from_str(&problem().to_json()).unwrap();
        assert_eq!(read, problem());
        assert_eq!(read.status_code(), StatusCode::CONFLICT);
        let plain = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":""}"#;
        assert_eq!(serde_json::from_str::<ProblemDetails>(plain).unwrap().to_json(), plain);
    }
}
