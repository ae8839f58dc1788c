//! A small crowd that takes edges as they come, asks again when it must, and writes down all that happens.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_crowd::fleet::{Call, Event, Kind, Outcome};
use serde_json::{Value, json};

use crate::edges::{ROOM, now_ms};
use crate::fan::{Answer, Fan};

/// Between two asks of one fan.
const PAUSE: Duration = Duration::from_millis(120);

/// What all of the crowd share.
#[derive(Clone, Default)]
pub(crate) struct Crowd {
    history: Arc<Mutex<Vec<Event>>>,
    is_over: Arc<AtomicBool>,
}

struct Member {
    number: u64,
    gates: Vec<SocketAddr>,
    browser: Fan,
    asked: usize,
    crowd: Crowd,
}

impl Crowd {
    /// Sends fans, one every so often; each joins, claims until let in, and goes into the shop.
    pub(crate) fn send(&self, fans: u64, apart: Duration, gates: &[SocketAddr]) -> Vec<JoinHandle<()>> {
        let send = |number| {
            let browser = Fan::new(gates[0]);
            let mut member = Member { number, gates: gates.to_vec(), browser, asked: 0, crowd: self.clone() };
            spawn(move || {
                sleep(apart * u32::try_from(number).unwrap());
                member.live();
            })
        };
        (0..fans).map(send).collect()
    }

    /// Ends what has not come to an end by itself.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Everything that happened, one JSON object a line in a file beside, for whoever has to find out why.
    pub(crate) fn history(&self, file: &Path) -> Vec<Event> {
        let history = self.history.lock().unwrap().clone();
        let mut file = std::fs::File::create(file).unwrap();
        history.iter().for_each(|event| writeln!(file, "{}", serde_json::to_string(event).unwrap()).unwrap());
        history
    }
}

impl Member {
    fn live(&mut self) {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&(self.number + 1).to_be_bytes());
        let body = json!({ "nonce": URL_SAFE_NO_PAD.encode(nonce) }).to_string();
        self.until_done(Call::Join, &body, 200);
        self.until_done(Call::Claim, "", 200);
        // The pass opens the shop at any edge.
        while !self.is_over() && self.ask("GET", "/seats", "").is_none_or(|answer| answer.status != 200) {
            sleep(PAUSE);
        }
    }

    fn until_done(&mut self, call: Call, body: &str, done: u16) {
        while !self.is_over() {
            self.note(call, Outcome::Invoke);
            let path = format!("/.fairgate/{ROOM}/{}", if call == Call::Join { "join" } else { "claim" });
            let answer = self.ask("POST", &path, body);
            let outcome = outcome(call, answer.as_ref());
            self.note(call, outcome);
            if answer.is_some_and(|answer| answer.status == done) {
                return;
            }
            sleep(PAUSE);
        }
    }

    /// Another edge every time.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Option<Answer> {
        self.asked += 1;
        self.browser.address = self.gates[self.edge()];
        self.browser.try_send(method, path, &[("Content-Type", "application/json")], body).ok()
    }

    fn edge(&self) -> usize {
        (self.asked + usize::try_from(self.number).unwrap()) % self.gates.len()
    }

    fn is_over(&self) -> bool {
        self.crowd.is_over.load(Ordering::Relaxed)
    }

    fn note(&self, call: Call, outcome: Outcome) {
        let event = Event { at_ms: now_ms(), fan: self.number, edge: self.edge(), call, outcome };
        self.crowd.history.lock().unwrap().push(event);
    }
}

fn outcome(call: Call, answer: Option<&Answer>) -> Outcome {
    match (call, answer) {
        (_, None) => Outcome::Unknown,
        (Call::Join, Some(answer)) if answer.status == 200 => joined(&answer.json()),
        (Call::Claim, Some(answer)) if answer.status == 200 => admitted(&answer.json()),
        (Call::Claim, Some(answer)) if matches!(answer.status, 404 | 409 | 410) => {
            Outcome::Lost { status: answer.status }
        }
        (_, Some(answer)) => Outcome::Fail { status: answer.status },
    }
}

fn joined(body: &Value) -> Outcome {
    let kind = if body["kind"] == "pool" { Kind::Pool } else { Kind::Line };
    let number = body["index"].as_u64().or(body["place"].as_u64()).expect("a number");
    let text = |name: &str| body[name].as_str().expect("text").to_owned();
    let payload = text("ticket").split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"));
    let ticket: Value = serde_json::from_slice(&payload.expect("a JWT")).expect("JSON");
    Outcome::Joined { draw: ticket["draw"].to_string(), kind, number, entry: text("entry") }
}

fn admitted(body: &Value) -> Outcome {
    Outcome::Admitted {
        place: body["place"].as_u64().expect("a place"),
        session: body["session"].as_str().expect("a session").to_owned(),
        admitted_at_ms: body["admitted_at_ms"].as_u64().expect("a time"),
    }
}
