//! A fan's browser: its tabs with one kept connection each, its cookies, and how it asks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::http::{Answer, Connection, Fault, exchange};
use crate::pace::{interest_ms, poll_delay_ms};
use crate::recorder::Kind;
use crate::run::World;
use crate::wire::Status;

const BACKOFF_FIRST_MS: u64 = 500;
const BACKOFF_LAST_MS: u64 = 8_000;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) kind: Kind,
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    /// JSON.
    pub(crate) body: Option<&'a str>,
    pub(crate) idempotency_key: Option<&'a str>,
}

impl<'a> Question<'a> {
    pub(crate) fn get(kind: Kind, path: &'a str) -> Self {
        Self { kind, method: "GET", path, body: None, idempotency_key: None }
    }

    pub(crate) fn post(kind: Kind, path: &'a str, body: &'a str) -> Self {
        Self { kind, method: "POST", path, body: Some(body), idempotency_key: None }
    }
}

/// The state that a browser keeps for its fan.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(crate) world: Arc<World>,
    pub(crate) who: u32,
    tabs: Vec<Option<Connection>>,
    cookies: Vec<(String, String)>,
    random: ChaCha8Rng,
}

impl Browser {
    pub(crate) fn new(world: Arc<World>, who: u32, tabs: usize, jitter_seed: u64) -> Self {
        let tabs = (0..tabs.max(1)).map(|_| None).collect();
        Self { world, who, tabs, cookies: Vec::new(), random: ChaCha8Rng::seed_from_u64(jitter_seed) }
    }

    pub(crate) fn tabs(&self) -> usize {
        self.tabs.len()
    }

    /// A number below `bound`, for choices on the way.
    pub(crate) fn choose(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound.max(1))
    }

    /// The pause before the next look at the status, as the waiting page takes it.
    pub(crate) fn poll_delay_ms(&mut self, status: &Status, place: Option<u64>) -> u64 {
        let interest_ms = interest_ms(status, place, self.world.room.now_ms());
        poll_delay_ms(status.poll, interest_ms, self.random.random())
    }

    /// At least so long, and up to half as long again: whoever was told the same does not come back together.
    pub(crate) fn spread_ms(&mut self, ms: u64) -> u64 {
        (ms as f64 * (1.0 + self.random.random::<f64>() / 2.0)) as u64
    }

    /// Waits, with the connections kept only if that is worth while.
    pub(crate) async fn wait_ms(&mut self, ms: u64) {
        if ms > self.world.sockets.keep_through_ms() {
            self.close();
        }
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Closes every tab's connection.
    pub(crate) fn close(&mut self) {
        self.tabs.iter_mut().for_each(|tab| *tab = None);
    }

    /// Asks once.
    pub(crate) async fn ask(&mut self, tab: usize, question: Question<'_>) -> Result<Answer, Fault> {
        let bytes = self.written(&question);
        let kept = self.tabs[tab].take();
        let (kept, answer) = timed(&self.world, kept, question.kind, &bytes).await;
        self.tabs[tab] = kept;
        if let Ok(answer) = &answer {
            self.keep_cookies(answer);
        }
        answer
    }

    /// Asks the same from every tab at once.
    pub(crate) async fn ask_from_every_tab(&mut self, question: Question<'_>) -> Vec<Result<Answer, Fault>> {
        let bytes = self.written(&question);
        let world = &self.world;
        let asked = self.tabs.iter_mut().map(|tab| timed(world, tab.take(), question.kind, &bytes));
        let answers: Vec<_> = futures_util::future::join_all(asked).await;
        let mut results = Vec::with_capacity(answers.len());
        for (tab, (kept, answer)) in answers.into_iter().enumerate() {
            self.tabs[tab] = kept;
            if let Ok(answer) = &answer {
                self.keep_cookies(answer);
            }
            results.push(answer);
        }
        results
    }

    /// Asks until there is an answer that is not "later": waits when told to, backs off when something broke.
    pub(crate) async fn ask_until_answered(&mut self, tab: usize, question: Question<'_>) -> Answer {
        let mut backoff_ms = BACKOFF_FIRST_MS;
        loop {
            let wait_ms = match self.ask(tab, question).await {
                Ok(answer) if is_waiting_room(&answer) => return answer,
                Ok(answer) => match self.later_ms(question.kind, &answer) {
                    Some(wait_ms) => wait_ms,
                    None if answer.status >= 500 => {
                        self.world.recorder.error(question.kind, &format!("HTTP {}", answer.status));
                        backoff_ms
                    }
                    None => return answer,
                },
                Err(fault) => {
                    self.world.recorder.error(question.kind, &fault.kind());
                    backoff_ms
                }
            };
            backoff_ms = (backoff_ms * 2).min(BACKOFF_LAST_MS);
            let wait_ms = self.spread_ms(wait_ms);
            self.wait_ms(wait_ms).await;
        }
    }

    /// How long the server asks to stay away, where it does.
    fn later_ms(&self, kind: Kind, answer: &Answer) -> Option<u64> {
        let asked_to_wait = answer.status == 429 || answer.status == 503 && answer.retry_after_ms.is_some();
        asked_to_wait.then(|| {
            self.world.recorder.turned_away(kind, answer.status);
            answer.retry_after_ms.unwrap_or(BACKOFF_LAST_MS).max(BACKOFF_FIRST_MS)
        })
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for (name, value) in &answer.cookies {
            self.cookies.retain(|(kept, _)| kept != name);
            if !value.is_empty() {
                self.cookies.push((name.clone(), value.clone()));
            }
        }
    }

    /// All cookies, as one header value.
    pub(crate) fn cookie_line(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// The request as it goes over the wire.
    fn written(&self, question: &Question<'_>) -> Vec<u8> {
        let options = &self.world.options;
        let authority = &options.target.authority;
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: fairgate-crowd/{}\r\n",
            question.method,
            question.path,
            env!("CARGO_PKG_VERSION"),
        );
        text.push_str(match question.kind {
            Kind::Page => "Accept: text/html,*/*;q=0.8\r\nAccept-Encoding: gzip, br\r\nSec-Fetch-Mode: navigate\r\n",
            _ => "Accept: application/json\r\n",
        });
        // Writing to a string cannot fail.
        if !self.cookies.is_empty() {
            let _ = write!(text, "Cookie: {}\r\n", self.cookie_line());
        }
        if options.forwarded_for {
            let [_, a, b, c] = self.who.to_be_bytes();
            let _ = write!(text, "X-Forwarded-For: 10.{a}.{b}.{c}\r\n");
        }
        if let Some(key) = question.idempotency_key {
            let _ = write!(text, "Idempotency-Key: {key}\r\n");
        }
        if question.method != "GET" {
            let _ = write!(text, "Origin: http://{authority}\r\nSec-Fetch-Site: same-origin\r\n");
            let bytes = question.body.map_or(0, str::len);
            let _ = write!(text, "Content-Type: application/json\r\nContent-Length: {bytes}\r\n");
        }
        text.push_str("\r\n");
        text.push_str(question.body.unwrap_or_default());
        text.into_bytes()
    }
}

/// True if the gate answers instead of the shop: there is no valid pass (any more).
pub(crate) fn is_waiting_room(answer: &Answer) -> bool {
    const PROBLEM: &[u8] = b"problems/waiting-room";
    matches!(answer.status, 401 | 503) && answer.body.windows(PROBLEM.len()).any(|bytes| bytes == PROBLEM)
}

async fn timed(
    world: &World,
    kept: Option<Connection>,
    kind: Kind,
    question: &[u8],
) -> (Option<Connection>, Result<Answer, Fault>) {
    // A socket that has to be waited for is this crowd's poverty, not the server's slowness.
    let kept = match kept {
        Some(connection) => Some(connection),
        None => match world.sockets.open().await {
            Ok((connection, took)) => {
                world.recorder.answered(Kind::Connect, took);
                Some(connection)
            }
            Err(fault) => return (None, Err(fault)),
        },
    };
    let asked_at = Instant::now();
    let (kept, answer) = exchange(&world.sockets, kept, question).await;
    if let Ok(answer) = &answer {
        let took = asked_at.elapsed();
        world.recorder.answered(kind, took);
        world.recorder.shopped(kind, answer.status, took);
    }
    (kept, answer)
}
