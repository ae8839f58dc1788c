//! Everything that the admin surface refuses, and the one place that maps it to an answer (RFC 9457).

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::config::Role;
use fairgate_core::room::Refusal;
use fairgate_problem::{MEDIA_TYPE, ProblemDetails};
use fairgate_store::StoreError;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("the admin API is closed: set FAIRGATE_ADMIN_TOKEN (or configure admin.tokens) and restart the edge")]
    NoTokens,
    #[error("send the token as `Authorization: Bearer …`")]
    NoToken,
    #[error("the token is not known here; check FAIRGATE_ADMIN_TOKEN, or the variables that admin.tokens names")]
    WrongToken,
    #[error("too many wrong tokens came from this address; try again later")]
    Guessing { retry_after_ms: u64 },
    #[error("this listener is not known by that name: ask by its address, or add the name to admin.hosts")]
    Host,
    #[error("this needs the role {needs:?}, and the token has {has:?}")]
    Role { has: Role, needs: Role },
    #[error("there is nothing at {0}; see /openapi.json")]
    NotFound(String),
    #[error("the method does nothing here; see /openapi.json")]
    Method,
    #[error("there is no room named {0:?}; GET /api/v1/rooms lists them")]
    NoRoom(String),
    #[error("{0}")]
    NoRefusal(String),
    #[error("no change of this room is called {0:?}, as far back as the audit log was read")]
    NoChange(String),
    #[error("{0}")]
    NotUndoable(String),
    #[error("{0}")]
    Overtaken(String),
    #[error("this edge has no rooms as data: all of them stand in its file")]
    NoDefinitions,
    #[error("no room named {0:?} is defined; GET /api/v1/definitions lists them")]
    NoDefinition(String),
    #[error("there is no draft of {0:?}: write one first, with PUT of its definition")]
    NoDraft(String),
    #[error("{0}")]
    Unfit(String),
    #[error("{0}")]
    OfTheFile(String),
    #[error("{0}")]
    Locked(String),
    #[error("{0}")]
    DefinitionChanged(String),
    #[error("this edge serves no console: see [admin] console in its configuration")]
    NoConsole,
    #[error("the store of this edge keeps no time, so there is no clock to accept")]
    NoClock,
    #[error("{detail}")]
    Body { status: StatusCode, detail: String },
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the change was made, but cannot be written down or read: {0}; look after the audit log's disk")]
    Audit(String),
    #[error("the history of this room cannot be read at this edge: {0}")]
    History(String),
    #[error("the report cannot be made: {0}")]
    Report(String),
    #[error("{0}; whether the change was made is unknown: look, or ask again, which is safe")]
    Store(String),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => Self::Refused(refusal),
            StoreError::Unavailable(_) | StoreError::Damaged(_) => Self::Store(error.to_string()),
        }
    }
}

impl Problem {
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoTokens => (StatusCode::FORBIDDEN, "admin-closed", "The admin API is closed"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, "no-token", "No token"),
            Self::Guessing { .. } => (StatusCode::TOO_MANY_REQUESTS, "too-many-wrong-tokens", "Too many wrong tokens"),
            Self::Host => (StatusCode::MISDIRECTED_REQUEST, "unknown-host", "Not this listener's name"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "wrong-token", "Unknown token"),
            Self::Role { .. } => (StatusCode::FORBIDDEN, "role", "The role does not allow this"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Self::NoRoom(_) => (StatusCode::NOT_FOUND, "no-room", "No such room"),
            Self::NoRefusal(_) => (StatusCode::NOT_FOUND, "no-refusal", "No such reference"),
            Self::NoChange(_) => (StatusCode::NOT_FOUND, "no-change", "No such change"),
            Self::NotUndoable(_) => (StatusCode::CONFLICT, "not-undoable", "The change cannot be undone"),
            Self::Overtaken(_) => {
                (StatusCode::PRECONDITION_FAILED, "controls-changed", "Somebody else has changed the controls")
            }
            Self::NoDefinitions => (StatusCode::NOT_FOUND, "no-definitions", "No rooms as data"),
            Self::NoDefinition(_) => (StatusCode::NOT_FOUND, "no-definition", "No such definition"),
            Self::NoDraft(_) => (StatusCode::NOT_FOUND, "no-draft", "No such draft"),
            Self::Unfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-definition", "The definition has mistakes"),
            Self::OfTheFile(_) => (StatusCode::CONFLICT, "managed-by-file", "The room is managed by a file"),
            Self::Locked(_) => (StatusCode::CONFLICT, "definition-locked", "The definition cannot be changed now"),
            Self::DefinitionChanged(_) => {
                (StatusCode::PRECONDITION_FAILED, "definition-changed", "Somebody else has written the definition")
            }
            Self::NoConsole => (StatusCode::NOT_FOUND, "no-console", "No console"),
            Self::NoClock => (StatusCode::NOT_FOUND, "no-clock", "No clock to accept"),
            Self::Body { status, .. } => (*status, "bad-body", "The body cannot be read"),
            Self::Value { .. } | Self::Refused(Refusal::Invalid(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "bad-value", "A value is out of range")
            }
            Self::Refused(_) => (StatusCode::CONFLICT, "refused", "The room refuses"),
            Self::Audit(_) => (StatusCode::INTERNAL_SERVER_ERROR, "audit-log", "The audit log fails"),
            Self::History(_) => (StatusCode::INTERNAL_SERVER_ERROR, "history", "The history cannot be read"),
            Self::Report(_) => (StatusCode::INTERNAL_SERVER_ERROR, "report", "The report cannot be made"),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", "The store cannot be reached"),
        }
    }
}

impl Problem {
    /// Its status, and its title for people.
    pub(super) fn status_and_title(&self) -> (StatusCode, &'static str) {
        let (status, _, title) = self.kind();
        (status, title)
    }
}

/// The words of a problem, beside the answer that has them.
#[derive(Clone, Debug)]
pub(super) struct Told(pub(super) String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind();
        let details = ProblemDetails::new(status, slug, title, self.to_string());
        let mut response = (status, details.to_json()).into_response();
        response.extensions_mut().insert(Told(self.to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Self::Guessing { retry_after_ms } = self {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1_000)));
        }
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::NotFound(uri.path().to_owned())
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::Method
}
