//! A lean load generator: keep-alive connections of raw HTTP/1.1, so that little of the two cores goes into asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant as TokioInstant, sleep_until};

const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Writes the request with a number into the buffer; `false` when there are no more.
pub(super) type Requests = dyn Fn(usize, &mut Vec<u8>) -> bool + Send + Sync;

/// How the requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) connections: usize,
    /// It ends then, or when there are no more requests.
    pub(super) at_most: Duration,
    /// Requests a second, whatever the answers do (open loop); without it each connection asks again once it has its
    /// answer (closed loop).
    pub(super) rate: Option<f64>,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Answers by status: 200, 409, all others.
    pub(super) held: usize,
    pub(super) refused: usize,
    pub(super) odd: usize,
    /// One of the others, to be shown.
    pub(super) example: Option<String>,
    pub(super) took: Duration,
    /// From the moment a request was due to its answer, in microseconds, sorted.
    latencies_us: Vec<u32>,
}

impl Outcome {
    pub(super) fn held_a_second(&self) -> f64 {
        self.held as f64 / self.took.as_secs_f64()
    }

    /// Milliseconds within which this part of the answers came.
    pub(super) fn latency_ms(&self, part: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        self.latencies_us.get((last as f64 * part).round() as usize).map_or(f64::NAN, |&us| f64::from(us) / 1000.0)
    }

    /// Fails when there was an answer that nobody expects.
    pub(super) fn check(self) -> anyhow::Result<Self> {
        ensure!(self.odd == 0, "{} odd answers, like {:?}", self.odd, self.example);
        Ok(self)
    }

    fn add(&mut self, other: Self) {
        self.held += other.held;
        self.refused += other.refused;
        self.odd += other.odd;
        self.example = self.example.take().or(other.example);
        self.latencies_us.extend(other.latencies_us);
    }

    fn note(&mut self, status: &[u8], head: &[u8], waited: Duration) {
        match status {
            b"200" => self.held += 1,
            b"409" => self.refused += 1,
            _ => {
                self.odd += 1;
                self.example.get_or_insert_with(|| String::from_utf8_lossy(head).into_owned());
            }
        }
        self.latencies_us.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
    }
}

/// Sends requests until they end or the time is up; from one thread, which then never waits for another.
pub(super) async fn run(address: &str, pace: Pace, requests: Arc<Requests>) -> anyhow::Result<Outcome> {
    let address = address.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::spawn_blocking(move || runtime.block_on(run_here(&address, pace, requests))).await?
}

async fn run_here(address: &str, pace: Pace, requests: Arc<Requests>) -> anyhow::Result<Outcome> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut connections = Vec::new();
    for _ in 0..pace.connections {
        let stream = TcpStream::connect(address).await.context("the core accepts connections")?;
        stream.set_nodelay(true)?;
        connections.push(stream);
    }
    let started = Instant::now();
    let mut tasks: JoinSet<anyhow::Result<Outcome>> = JoinSet::new();
    for stream in connections {
        tasks.spawn(ask(stream, pace, started, Arc::clone(&next), Arc::clone(&requests)));
    }
    let mut all = Outcome::default();
    while let Some(one) = tasks.join_next().await {
        all.add(one??);
    }
    all.took = started.elapsed();
    all.latencies_us.sort_unstable();
    Ok(all)
}

async fn ask(
    mut stream: TcpStream,
    pace: Pace,
    started: Instant,
    next: Arc<AtomicUsize>,
    requests: Arc<Requests>,
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let (mut request, mut answer) = (Vec::with_capacity(2048), Vec::with_capacity(4096));
    while started.elapsed() < pace.at_most {
        let number = next.fetch_add(1, Ordering::Relaxed);
        request.clear();
        if !requests(number, &mut request) {
            break;
        }
        let mut due = Instant::now();
        if let Some(rate) = pace.rate {
            due = started + Duration::from_secs_f64(number as f64 / rate);
            sleep_until(TokioInstant::from_std(due)).await;
        }
        stream.write_all(&request).await?;
        let head = read_answer(&mut stream, &mut answer).await?;
        outcome.note(answer.get(9..12).unwrap_or_default(), &answer[..head], due.elapsed());
    }
    Ok(outcome)
}

/// Reads one whole answer; says where its head ends.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<usize> {
    answer.clear();
    loop {
        ensure!(stream.read_buf(answer).await? > 0, "the core closed the connection");
        ensure!(answer.len() < ANSWER_BYTES_MAX, "an endless answer");
        if let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") {
            let whole = head + 4 + body_bytes(&answer[..head])?;
            while answer.len() < whole {
                ensure!(stream.read_buf(answer).await? > 0, "the core closed the connection");
            }
            return Ok(head);
        }
    }
}

fn body_bytes(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(lengths.next().context("an answer without a length")?.1.trim().parse()?)
}

/// Writes a reservation as it comes from an edge.
pub(super) fn reservation(request: &mut Vec<u8>, pass: &str, key: usize, body: &str) {
    for part in ["POST /api/v1/bookings/reserve HTTP/1.1\r\nhost: shop\r\nx-fairgate-pass: ", pass] {
        request.extend_from_slice(part.as_bytes());
    }
    let rest = format!(
        "\r\nidempotency-key: key-{key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    request.extend_from_slice(rest.as_bytes());
}
