//! The connections on which fans (through the edge) are served.
//!
//! Guarantees:
//! - no more are open than the bound (the others wait in the kernel's queue)
//! - a connection that is silent for too long is closed
//! - once told to stop, no request is begun and those under way end

use std::convert::Infallible;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::BytesMut;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{App, ServedBy, front, quick};

const CONNECTIONS_MAX: usize = 32_768;
/// Longer than an edge keeps an idle connection, so that it is the edge that closes.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(300);
/// Between two attempts while the system has no file left for a connection.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Requests that are being served get this long to end when the core stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets running requests end.
pub async fn serve(listener: TcpListener, app: Arc<App>, served_by: ServedBy, stop: CancellationToken) {
    let router = super::router(Arc::clone(&app));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accepting = async {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let serving = connection(stream, Arc::clone(&app), (router.clone(), served_by), stop.clone());
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
    let everybody_left = places.acquire_many(u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX));
    if timeout(DRAIN, everybody_left).await.is_err() {
        warn!("some requests had not ended when the core stopped");
    }
}

async fn connection(
    stream: TcpStream,
    app: Arc<App>,
    (router, served_by): (axum::Router, ServedBy),
    stop: CancellationToken,
) {
    // Answers are small and written whole.
    let _ = stream.set_nodelay(true);
    let own = served_by == ServedBy::Own;
    let left = if own { quick::serve(stream, &app, &stop).await } else { Some((stream, BytesMut::new())) };
    let Some((stream, begun)) = left else { return };
    let (reader, writer) = stream.into_split();
    let stream = tokio::io::join(Cursor::new(begun).chain(reader), writer);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (app, router) = (Arc::clone(&app), router.clone());
        async move { Ok::<_, Infallible>(front(&app, router, served_by, request.map(Body::new)).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENCE_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection broke");
    }
}
