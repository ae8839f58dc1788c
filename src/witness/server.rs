//! The witness over HTTP: `POST /add-checkpoint`, and a page that says whose it is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use fairgate_booking::http::connections::{self, Answers, Bounds};
use fairgate_draw::log::{NoteSigner, Refused, Submission, judge_submission};
use fairgate_telemetry::clock::{Clock, SystemClock};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::logs::KnownLogs;
use super::state::{State, StateError};

/// A note has at most 64 KB, and a proof 63 hashes.
const BODY_BYTES_MAX: usize = 72 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: u32 = 1_024;
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What a witness is started with.
#[derive(Debug)]
pub struct WitnessSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The directory of its state.
    pub state: PathBuf,
    /// Its key.
    pub signer: NoteSigner,
    /// The logs that it cosigns.
    pub logs: KnownLogs,
}

/// A witness that listens.
#[derive(Debug)]
pub struct Witness {
    listener: TcpListener,
    desk: Desk,
}

/// What every connection has.
#[derive(Clone, Debug)]
struct Desk(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    signer: NoteSigner,
    logs: KnownLogs,
    state: Mutex<State>,
}

/// Why nothing was cosigned.
#[derive(Debug, thiserror::Error)]
enum Uncosigned {
    #[error("{0}")]
    Bad(String),
    #[error("the body has more than {BODY_BYTES_MAX} bytes, or did not come in time")]
    Body,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the witness cannot write down what it is to cosign")]
    State(#[from] StateError),
    #[error("POST a submission to /add-checkpoint")]
    NoSuchCall,
    #[error("this method does nothing here; use POST")]
    Method,
    #[error("the witness is being stopped")]
    Ended,
}

impl Witness {
    /// Reads the state and binds.
    ///
    /// # Errors
    /// What is in the way, worded for the person at the terminal.
    pub async fn start(settings: WitnessSettings) -> anyhow::Result<Self> {
        let WitnessSettings { listen, state, signer, logs } = settings;
        let opened = State::open(&state, &logs);
        let state = opened.with_context(|| format!("cannot use the state in {}", state.display()))?;
        let listener = TcpListener::bind(listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {listen}; choose another"))?;
        Ok(Self { listener, desk: Desk(Arc::new(Shared { signer, logs, state: Mutex::new(state) })) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is cancelled.
    pub async fn serve(self, stop: CancellationToken) {
        let bounds = Bounds { connections: CONNECTIONS_MAX, ..Bounds::default() };
        connections::serve(self.listener, self.desk, bounds, stop).await;
    }
}

impl Answers for Desk {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Response<Self::Body> {
        let (method, path) = (request.method().clone(), request.uri().path().trim_end_matches('/').to_owned());
        match (&method, path.as_str()) {
            (&Method::GET | &Method::HEAD, "") => answer(StatusCode::OK, TEXT, self.page()),
            (&Method::GET | &Method::HEAD, "/healthz") => answer(StatusCode::OK, TEXT, "ok\n".to_owned()),
            (&Method::POST, "/add-checkpoint") => match self.add_checkpoint(request).await {
                Ok(line) => answer(StatusCode::OK, TEXT, line),
                Err(why) => refuse(&why),
            },
            (_, "/add-checkpoint") => refuse(&Uncosigned::Method),
            _ => refuse(&Uncosigned::NoSuchCall),
        }
    }
}

impl Desk {
    fn page(&self) -> String {
        let Shared { signer, logs, .. } = &*self.0;
        format!(
            "This is a witness of transparency logs (C2SP tlog-witness).\n{}\nlogs: {}\n",
            signer.key(),
            logs.count()
        )
    }

    async fn add_checkpoint(&self, request: Request<Incoming>) -> Result<String, Uncosigned> {
        let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let body = timeout(BODY_WITHIN, body).await.ok().and_then(Result::ok).ok_or(Uncosigned::Body)?.to_bytes();
        let text = str::from_utf8(&body).map_err(|_| Uncosigned::Bad("the body is no text".into()))?;
        let submission = Submission::parse(text).map_err(|error| Uncosigned::Bad(error.to_string()))?;
        let shared = Arc::clone(&self.0);
        // The disk is waited for there; a client that goes away does not undo it.
        let cosigning = tokio::task::spawn_blocking(move || shared.cosign(&submission));
        cosigning.await.map_err(|_| Uncosigned::Ended)?
    }
}

impl Shared {
    /// Judges, keeps, and only then signs, one after the other.
    fn cosign(&self, submission: &Submission) -> Result<String, Uncosigned> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = judge_submission(submission, |origin| self.logs.keys(origin), |origin| state.last(origin));
        let checkpoint = judged.inspect_err(|why| tell(submission, why))?;
        state
            .keep(&checkpoint, &submission.note)
            .inspect_err(|error| tracing::error!(%error, "nothing is cosigned"))?;
        let line = self.signer.cosign(&submission.note, SystemClock.now_ms() / 1_000);
        tracing::info!(origin = checkpoint.origin, size = checkpoint.size, "cosigned");
        Ok(format!("{line}\n"))
    }
}

/// A log that forked is worth a look by a person: its two signed checkpoints convict it.
fn tell(submission: &Submission, why: &Refused) {
    match why {
        Refused::OtherRoot(_) | Refused::Proof(_) => {
            tracing::warn!(%why, checkpoint = submission.note.to_string(), "not cosigned: keep this checkpoint as evidence");
        }
        why => tracing::info!(%why, "not cosigned"),
    }
}

fn refuse(why: &Uncosigned) -> Response<Full<Bytes>> {
    let status = match why {
        Uncosigned::Refused(Refused::OtherSize(size)) => {
            return answer(StatusCode::CONFLICT, SIZE, format!("{size}\n"));
        }
        Uncosigned::Bad(_) | Uncosigned::Refused(Refused::Malformed | Refused::Shrinks) => StatusCode::BAD_REQUEST,
        Uncosigned::Body => StatusCode::PAYLOAD_TOO_LARGE,
        Uncosigned::Refused(Refused::UnknownLog(_)) | Uncosigned::NoSuchCall => StatusCode::NOT_FOUND,
        Uncosigned::Refused(Refused::Unsigned) => StatusCode::FORBIDDEN,
        Uncosigned::Refused(Refused::OtherRoot(_)) => StatusCode::CONFLICT,
        Uncosigned::Refused(Refused::Proof(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        Uncosigned::State(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Uncosigned::Method => StatusCode::METHOD_NOT_ALLOWED,
        Uncosigned::Ended => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut answer = answer(status, TEXT, format!("{why}\n"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

fn answer(status: StatusCode, kind: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let fields: [(HeaderName, HeaderValue); 2] = [(CONTENT_TYPE, kind), (CACHE_CONTROL, NO_STORE)];
    answer.headers_mut().extend(fields);
    answer
}
