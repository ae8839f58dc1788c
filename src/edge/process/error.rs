//! Why the edge does not start, or ends by itself.

use std::net::SocketAddr;

use crate::edge::credentials::certificate::CertificateError;
use crate::edge::entry::setup::DeskError;
use crate::edge::upstream::handle::UnresolvedUpstream;
use crate::page::PageError;
use fairgate_token::KeyError;

/// Why the edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A waiting page cannot be built.
    #[error(transparent)]
    Page(#[from] PageError),
    /// What a room asks of those who enter cannot be asked.
    #[error(transparent)]
    Entry(#[from] DeskError),
    /// Relays of public randomness cannot be asked.
    #[error("cannot make an HTTP client for the relays of [room.draw]: {0}; check the system's root certificates")]
    Relays(#[from] reqwest::Error),
    /// A shop cannot be found.
    #[error(transparent)]
    Upstream(#[from] UnresolvedUpstream),
    /// The draw log has no key.
    #[error("the key of the draw log cannot be used: {0}; see draw.log in the configuration")]
    LogKey(String),
    /// A room names a shop that is not configured.
    #[error(
        "room {room:?} names the upstream {upstream:?}, which is not configured; add [[upstream]] or change `upstream`"
    )]
    NoUpstream {
        /// The room.
        room: String,
        /// The name.
        upstream: String,
    },
    /// The audit log cannot be written.
    #[error("cannot write the audit log {}: {source}; check store.path", path.display())]
    Audit {
        /// The file.
        path: std::path::PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The system has no randomness.
    #[error("the system has no randomness; is /dev/urandom there?")]
    NoRandomness,
    /// The edge that runs cannot be asked for its sockets.
    #[error(
        "cannot take over from the edge that uses {}: {source}; see that edge's log, or stop it and start without \
         --upgrade",
        dir.display()
    )]
    TakeOver {
        /// The directory of the store of both edges.
        dir: std::path::PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A metric is registered twice.
    #[error("cannot register the metrics: {0}; this is a mistake in the program, please report it")]
    Metrics(#[from] prometheus::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread for the server: {0}; check the limit of processes (`ulimit -u`)")]
    Thread(std::io::Error),
    /// The server has ended without having been told to.
    #[error("the server's thread has ended by itself: see the log; start the edge again")]
    Ended,
    /// No edge serves after this one.
    #[error("the edge that took over has died, and so has every one that was started in its place: see their logs")]
    NoHeir,
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another server running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// A certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] CertificateError),
}
