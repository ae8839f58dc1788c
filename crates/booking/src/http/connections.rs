//! The connections on which fans (through the edge) are served: HTTP/1 by hyper, within bounds.
//!
//! Guarantees:
//! - no more are open than the bound (the others wait in the kernel's queue)
//! - a connection that stands still for too long is closed ([`super::silence`])
//! - a head has at most [`HEAD_BYTES_MAX`] bytes
//! - a client that closes its side after its request still gets the answer
//! - once told to stop, no request is begun and those under way end

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::silence::{Heard, Silence};

/// Twice what the edge lets through, with what it adds. Whoever sends more is told so (431).
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Between two attempts while the system has no file left for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Requests that are being served get this long to end when the core stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What connections may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many may be open.
    pub connections: u32,
    /// How long nothing may be asked. Longer than an edge keeps an idle connection, so that it is the edge that closes.
    pub silence: Duration,
    /// Within which a head that has begun must be whole.
    pub head: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 32_768, silence: Duration::from_secs(300), head: Duration::from_secs(10) }
    }
}

/// Answers one request. Clones are cheap: every connection has one.
pub trait Answers: Clone + Send + Sync + 'static {
    /// What answers carry.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// Serves until `stop`, then lets running requests end.
pub async fn serve(listener: TcpListener, answers: impl Answers, bounds: Bounds, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(bounds.connections as usize));
    let accepting = async {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // A token of its own: nobody else waits at its lock.
                    let serving = connection(stream, answers.clone(), bounds, stop.child_token());
                    tokio::spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    if timeout(DRAIN, places.acquire_many(bounds.connections)).await.is_err() {
        warn!("some requests had not ended when the core stopped");
    }
}

async fn connection(stream: TcpStream, answers: impl Answers, bounds: Bounds, stop: CancellationToken) {
    // Answers are small and written whole.
    let _ = stream.set_nodelay(true);
    let silence = Arc::new(Silence::new());
    let service = service_fn(|request| {
        let (answers, silence) = (&answers, &silence);
        async move {
            silence.head_is_whole();
            let response = answers.answer(request).await;
            silence.answered();
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TokioIo::new(Heard::new(stream, Arc::clone(&silence)));
    let mut serving = std::pin::pin!(protocol().serve_connection(stream, service));
    let served = tokio::select! {
        biased;
        served = serving.as_mut() => served,
        () = silence.too_long(bounds.silence, bounds.head) => return debug!("a connection stood still for too long"),
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection broke");
    }
}

/// HTTP/1 as the core speaks it.
///
/// hyper's timer of heads stays off: it would arm and drop a timer for each request, and has one bound for two things.
/// hyper's `pipeline_flush` stays off, too: it keeps an answer back until the next request has come.
fn protocol() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        // No look at the socket for an early end while an answer is being made.
        .half_close(true)
        // Head and body are copied together and written at once.
        .writev(false);
    http
}

#[cfg(test)]
mod tests;
