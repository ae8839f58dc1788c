//! Turns away who guesses tokens, and whose browser was led here by another name.
//!
//! Guarantees:
//! - an address may guess [`WRONG_TOKENS`] times and is not listened to for a while after that, whatever it sends
//! - memory is fixed
//! - the log has a line a minute at most and names no address
//!
//! Only names that this listener is known by are served: a page that makes its own name point here (DNS rebinding)
//! reads nothing.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::middleware::Next;
use axum::response::Response;
use prometheus::Registry;

use super::Admin;
use super::problem::Problem;
use super::refusals::Refusals;
use crate::observe::metrics;
use fairgate_core::rate_limit::{Quota, Table, Verdict, networks};

/// Wrong tokens of one network.
const WRONG_TOKENS: Quota = Quota { per_minute: 6, burst: 10 };
const NETWORKS: usize = 4_096;
const SAY_EVERY: Duration = Duration::from_secs(60);

metrics! {
    /// What was turned away.
    struct Metrics {
        /// Requests to the admin API that were turned away, by reason: a wrong token, too many wrong ones from one address, or an unknown Host.
        admin_refused_requests_total: IntCounterVec["reason"],
    }
}

/// Stands at the admin listener's door.
pub struct Doorman {
    hosts: Vec<String>,
    guesses: Table,
    began: Instant,
    metrics: Metrics,
    said: Mutex<Said>,
    /// Which refusals were written down.
    pub(super) refusals: Refusals,
}

#[derive(Default)]
struct Said {
    at: Option<Instant>,
    wrong: u64,
}

impl Doorman {
    /// `hosts`: the names by which the listener may be asked, besides addresses and `localhost`.
    ///
    /// # Errors
    /// When the registry has such metrics already.
    pub fn new(hosts: &[String], registry: &Registry) -> prometheus::Result<Self> {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let (guesses, metrics) = (Table::new(NETWORKS), Metrics::new(registry)?);
        Ok(Self {
            hosts,
            guesses,
            began: Instant::now(),
            metrics,
            said: Mutex::default(),
            refusals: Refusals::default(),
        })
    }

    /// Checks that an address may still try a token.
    pub(super) fn listens_to(&self, peer: IpAddr) -> Result<(), Problem> {
        match self.guesses.look(0, network(peer), &WRONG_TOKENS, self.now_us()) {
            Verdict::Allowed { .. } => Ok(()),
            Verdict::Refused { retry_after_ms } => {
                self.count("too_many_wrong_tokens");
                Err(Problem::Guessing { retry_after_ms })
            }
        }
    }

    /// A token was wrong.
    pub(super) fn note_wrong_token(&self, peer: IpAddr) {
        self.guesses.ask(0, network(peer), &WRONG_TOKENS, self.now_us());
        self.count("wrong_token");
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.wrong += 1;
        if said.at.is_none_or(|at| at.elapsed() > SAY_EVERY) {
            tracing::warn!(wrong_tokens = said.wrong, "somebody shows wrong tokens at the admin API");
            *said = Said { at: Some(Instant::now()), wrong: 0 };
        }
    }

    fn count(&self, reason: &str) {
        self.metrics.admin_refused_requests_total.with_label_values(&[reason]).inc();
    }

    fn now_us(&self) -> u64 {
        // A table takes zero for a key that was never used.
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1 << 40)
    }

    /// True if this listener is known by the name in a request. A browser always sends one.
    fn is_ours(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST) else { return true };
        host.to_str().is_ok_and(|host| {
            let name = name_of(host).to_ascii_lowercase();
            name == "localhost" || is_address(&name) || self.hosts.contains(&name)
        })
    }
}

/// The narrowest network of an address.
fn network(peer: IpAddr) -> u128 {
    networks(peer).next().map_or(0, |network| network.key)
}

/// Without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Nobody can make an address point elsewhere.
fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner.unwrap_or(name).parse::<IpAddr>().is_ok()
}

/// Lets requests in that ask for this listener.
pub(super) async fn require_host(
    State(admin): State<Admin>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !admin.doorman.is_ours(request.headers()) {
        admin.doorman.count("host");
        return Err(Problem::Host);
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doorman() -> Doorman {
        Doorman::new(&["Edge-Admin.internal".to_owned()], &Registry::new()).unwrap()
    }

    #[test]
    fn only_names_of_its_own_and_addresses_are_served() {
        let doorman = doorman();
        let is_ours = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            doorman.is_ours(&headers)
        };
        for host in
            ["localhost", "LOCALHOST:9090", "127.0.0.1:9090", "10.1.2.3", "[::1]:9090", "edge-admin.internal:9090"]
        {
            assert!(is_ours(host), "{host}");
        }
        for host in ["rebound.example", "rebound.example:9090", "127.0.0.1.example", "localhost.example", ""] {
            assert!(!is_ours(host), "{host}");
        }
        assert!(doorman.is_ours(&HeaderMap::new()), "probes in HTTP/1.0");
    }

    #[test]
    fn who_guesses_is_not_listened_to_for_a_while_and_others_are() {
        let (doorman, guesser, other) = (doorman(), "192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..WRONG_TOKENS.burst {
            assert!(doorman.listens_to(guesser).is_ok());
            doorman.note_wrong_token(guesser);
        }
        let refused = doorman.listens_to(guesser);
        assert!(matches!(refused, Err(Problem::Guessing { retry_after_ms: 1..=60_000 })), "{refused:?}");
        assert!(doorman.listens_to(other).is_ok());
    }
}
