//! The admin API from the other side: what the command line calls.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    AlarmsState, Audit, AuditQuery, Changed, CheckedDefinition, ClockState, ConsoleLink, DefinitionChanged,
    DefinitionState, DefinitionText, EdgesState, EntryState, Forgotten, HandedIn, HistoryQuery, HistoryState,
    OverruleRequest, Overruled, RefusalState, ReportState, Revocation, RoomPatch, RoomState, Rooms, SharedEntries,
};
use crate::config::Secret;
use fairgate_problem::ProblemDetails;

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The edge cannot be reached.
    #[error("cannot reach the admin API at {url}: is the edge running, and is this its [admin] listen address?")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The edge refuses.
    #[error("{} ({})", .0.detail, .0.title)]
    Refused(ProblemDetails),
    /// What answers is no admin API of this version.
    #[error("{url} answered {status}, but not as fairgate's admin API does; check --admin")]
    Foreign {
        /// Where.
        url: String,
        /// The status.
        status: StatusCode,
    },
}

/// A client of one edge's admin API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Secret,
}

impl Client {
    /// A client of the API at `base`, like `http://127.0.0.1:9090`.
    #[must_use]
    pub fn new(base: &str, token: Secret) -> Self {
        Self { http: reqwest::Client::new(), base: format!("{}/api/v1", base.trim_end_matches('/')), token }
    }

    /// All rooms.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn list(&self) -> Result<Rooms, ClientError> {
        self.call(Method::GET, "/rooms", |request| request).await
    }

    /// One room.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn show(&self, room: &str) -> Result<RoomState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}"), |request| request).await
    }

    /// Changes a room, or says what would change.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn change(&self, room: &str, patch: &RoomPatch, dry_run: bool) -> Result<Changed, ClientError> {
        let path = format!("/rooms/{room}?dry_run={dry_run}");
        self.call(Method::PATCH, &path, |request| with_json(request, patch)).await
    }

    /// Hands in the round that a room's draw waits for.
    ///
    /// # Errors
    /// When the call did not succeed, or the round is refused.
    pub async fn hand_in_beacon(&self, room: &str, round: &HandedIn) -> Result<RoomState, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/beacon"), |request| with_json(request, round)).await
    }

    /// Lets a room run dry.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn drain(&self, room: &str, dry_run: bool) -> Result<Changed, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/drain?dry_run={dry_run}"), |request| request).await
    }

    /// Revokes a session or a place.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn revoke(&self, room: &str, whom: &Revocation, dry_run: bool) -> Result<Changed, ClientError> {
        let path = format!("/rooms/{room}/revoke?dry_run={dry_run}");
        self.call(Method::POST, &path, |request| with_json(request, whom)).await
    }

    /// Undoes a change, or says what that would change.
    ///
    /// # Errors
    /// When the call did not succeed, or something else has changed since.
    pub async fn undo(&self, room: &str, change: &str, dry_run: bool) -> Result<Changed, ClientError> {
        let path = format!("/rooms/{room}/undo/{}?dry_run={dry_run}", escaped(change));
        self.call(Method::POST, &path, |request| request).await
    }

    /// How many edges keep a room, and how many of them show what it was at a time of the room, Unix ms.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn edges(&self, room: &str, since_ms: u64) -> Result<EdgesState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/edges?since={since_ms}"), |request| request).await
    }

    /// What a room's numbers were.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn history(&self, room: &str, query: &HistoryQuery) -> Result<HistoryState, ClientError> {
        let HistoryQuery { series, from, to, step } = query;
        let step = step.map(|step| step.to_string());
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("series", series), ("from", from), ("to", to), ("step", &step)] {
            text.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        self.call(Method::GET, &format!("/rooms/{room}/history?{}", text.finish()), |request| request).await
    }

    /// What happened in a sale.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn report(&self, room: &str, is_public: bool) -> Result<ReportState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/report?public={is_public}"), |request| request).await
    }

    /// What should worry whoever runs a sale.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn alarms(&self, room: &str) -> Result<AlarmsState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/alarms"), |request| request).await
    }

    /// A page of the audit log.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Audit, ClientError> {
        let AuditQuery { room, who, from, before } = query;
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("room", room), ("who", who), ("from", from), ("before", before)] {
            text.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        self.call(Method::GET, &format!("/audit?{}", text.finish()), |request| request).await
    }

    /// Who came into a room how.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn entry(&self, room: &str) -> Result<EntryState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/entry"), |request| request).await
    }

    /// What a reference stands for.
    ///
    /// # Errors
    /// When the call did not succeed, or there is no such reference.
    pub async fn refusal(&self, room: &str, reference: &str) -> Result<RefusalState, ClientError> {
        let path = format!("/rooms/{room}/entry/refusals/{}", escaped(reference));
        self.call(Method::GET, &path, |request| request).await
    }

    /// Decides about references, or says what would come of it.
    ///
    /// # Errors
    /// When the call did not succeed, or a reference is not known.
    pub async fn overrule(
        &self,
        room: &str,
        wanted: &OverruleRequest,
        dry_run: bool,
    ) -> Result<Overruled, ClientError> {
        let path = format!("/rooms/{room}/entry/overrules?dry_run={dry_run}");
        self.call(Method::POST, &path, |request| with_json(request, wanted)).await
    }

    /// Forgets what belongs to fans.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn forget_entries(&self, room: &str, dry_run: bool) -> Result<Forgotten, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/entry/forget?dry_run={dry_run}"), |request| request).await
    }

    /// Identities that came again from more places than usual, as one edge has seen them.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn shared_entries(&self, room: &str) -> Result<SharedEntries, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/entry/shared"), |request| request).await
    }

    /// A link into the console that works once.
    ///
    /// # Errors
    /// When the call did not succeed, or the edge serves no console.
    pub async fn console_link(&self) -> Result<ConsoleLink, ClientError> {
        self.call(Method::POST, "/console/links", |request| request).await
    }

    /// How the definition of a room stands.
    ///
    /// # Errors
    /// When the call did not succeed, or there is none.
    pub async fn definition(&self, room: &str) -> Result<DefinitionState, ClientError> {
        self.call(Method::GET, &format!("/rooms/{room}/definition"), |request| request).await
    }

    /// Writes the draft of a room, or says what would come of it.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn draft(
        &self,
        room: &str,
        text: &DefinitionText,
        dry_run: bool,
    ) -> Result<DefinitionChanged, ClientError> {
        let path = format!("/rooms/{room}/definition?dry_run={dry_run}");
        self.call(Method::PUT, &path, |request| with_json(request, text)).await
    }

    /// Discards the draft of a room.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn discard(&self, room: &str, dry_run: bool) -> Result<DefinitionChanged, ClientError> {
        let path = format!("/rooms/{room}/definition?dry_run={dry_run}");
        self.call(Method::DELETE, &path, |request| request).await
    }

    /// What is wrong with a text as the definition of a room.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn check(&self, room: &str, text: &DefinitionText) -> Result<CheckedDefinition, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/check"), |request| with_json(request, text)).await
    }

    /// Publishes the draft of a room, or says what would come of it.
    ///
    /// # Errors
    /// When the call did not succeed, the draft has mistakes, or the room is locked.
    pub async fn publish(&self, room: &str, dry_run: bool) -> Result<DefinitionChanged, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/publish?dry_run={dry_run}"), |request| request).await
    }

    /// Archives a room, or says what would come of it.
    ///
    /// # Errors
    /// When the call did not succeed, or somebody is in the room.
    pub async fn archive(&self, room: &str, dry_run: bool) -> Result<DefinitionChanged, ClientError> {
        self.call(Method::POST, &format!("/rooms/{room}/archive?dry_run={dry_run}"), |request| request).await
    }

    /// The edge's file with a published room, or with all of them, as one file.
    ///
    /// # Errors
    /// When the call did not succeed, or there is no such room.
    pub async fn export(&self, room: Option<&str>) -> Result<String, ClientError> {
        let path = room.map_or_else(|| "/export".to_owned(), |room| format!("/rooms/{room}/export"));
        let (url, status, body) = self.send(Method::GET, &path, |request| request).await?;
        let foreign = || ClientError::Foreign { url: url.clone(), status };
        if status.is_success() {
            return String::from_utf8(body).map_err(|_| foreign());
        }
        Err(ClientError::Refused(serde_json::from_slice(&body).map_err(|_| foreign())?))
    }

    /// The rooms' time, and how far clocks are from it.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn clock(&self) -> Result<ClockState, ClientError> {
        self.call(Method::GET, "/clock", |request| request).await
    }

    /// Believes the clock that the rooms should go by.
    ///
    /// # Errors
    /// When the call did not succeed.
    pub async fn accept_clock(&self) -> Result<ClockState, ClientError> {
        self.call(Method::POST, "/clock/accept", |request| request).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        with_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, ClientError> {
        let (url, status, body) = self.send(method, path, with_body).await?;
        let foreign = |_| ClientError::Foreign { url: url.clone(), status };
        if status.is_success() {
            serde_json::from_slice(&body).map_err(foreign)
        } else {
            Err(ClientError::Refused(serde_json::from_slice(&body).map_err(foreign)?))
        }
    }
}

impl Client {
    /// Makes a call; answers where it went, the status and the body.
    async fn send(
        &self,
        method: Method,
        path: &str,
        with_body: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<(String, StatusCode, Vec<u8>), ClientError> {
        let url = format!("{}{path}", self.base);
        let unreachable = |source| ClientError::Unreachable { url: url.clone(), source };
        let request = self.http.request(method, &url).bearer_auth(self.token.expose()).timeout(ANSWER_WITHIN);
        let response = with_body(request).send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        Ok((url, status, body))
    }
}

/// A text as a part of a path.
fn escaped(text: &str) -> String {
    form_urlencoded::byte_serialize(text.trim().as_bytes()).collect::<String>().replace('+', "%20")
}

fn with_json(request: RequestBuilder, body: &impl Serialize) -> RequestBuilder {
    request.json(body)
}
