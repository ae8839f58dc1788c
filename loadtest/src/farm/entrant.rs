//! One attempt at an entry: looks, shows what is asked for, joins, and does as it is told when that is refused.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::show::{Asked, show};
use super::{Farm, Field};
use crate::http::{Answer, exchange};
use crate::wire::Position;

/// Refusals after which an entrant gives up.
const TRIES: u32 = 8;
/// A farm stops at work of so many tables: the next address is cheaper.
const EFFORT_GIVES_UP: u32 = 8;
const AGAIN: Duration = Duration::from_secs(1);

/// Who tries to enter.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    pub(crate) is_farm: bool,
    address: String,
    nonce: [u8; 16],
    code: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) is_farm: bool,
    /// Tier and index in the pool; a room without tiers has tier 0.
    pub(crate) at: Option<(u8, u64)>,
    /// The slug of the last refusal, where there is no entry.
    pub(crate) refused: Option<String>,
    /// CPU time spent on puzzles.
    pub(crate) work: Duration,
}

#[derive(Deserialize)]
struct Joined {
    #[serde(flatten)]
    position: Position,
    tier: Option<u8>,
}

/// What an answer to a join leads to.
enum Next {
    Done(Entered),
    Again(Duration),
    /// More tables are asked of this network.
    Solve(u32),
    GiveUp(String),
}

impl Entrant {
    /// Everybody of both sides, in the order in which they come.
    pub(crate) fn of_both_sides(farm: &Farm) -> Vec<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(farm.seed);
        let code = |person: u32| farm.codes.get(person as usize).cloned();
        let fans = (0..farm.fans).map(|who| (false, address(10, who), code(who)));
        let farmed = (0..farm.entries)
            .map(|entry| (true, address(11, entry % farm.addresses), code(farm.fans + entry % farm.people)));
        let all = fans.chain(farmed);
        let mut all: Vec<Self> =
            all.map(|(is_farm, address, code)| Self { is_farm, address, nonce: random.random(), code }).collect();
        all.shuffle(&mut random);
        all
    }

    /// Tries until there is an entry, or no hope of one.
    pub(crate) async fn enter(self, field: &Field) -> Entered {
        let (mut work, mut refused, mut dearer) = (Duration::ZERO, "no-answer".to_owned(), None::<u32>);
        for _ in 0..TRIES {
            if Instant::now() >= field.until {
                break;
            }
            match self.attempt(field, dearer, &mut work).await {
                Ok(Next::Done(entered)) => return Entered { work, ..entered },
                Ok(Next::Again(after)) => tokio::time::sleep(after).await,
                Ok(Next::Solve(effort)) if effort <= EFFORT_GIVES_UP => dearer = Some(effort),
                Ok(Next::Solve(_)) => return self.gave_up("more-work".to_owned(), work),
                Ok(Next::GiveUp(slug)) => return self.gave_up(slug, work),
                Err(error) => {
                    refused = error.to_string();
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        self.gave_up(refused, work)
    }

    fn gave_up(&self, refused: String, work: Duration) -> Entered {
        Entered { is_farm: self.is_farm, at: None, refused: Some(refused), work }
    }

    /// `dearer` is the effort that was asked of this network.
    async fn attempt(&self, field: &Field, dearer: Option<u32>, work: &mut Duration) -> anyhow::Result<Next> {
        let (mut status, mut document) = field.status().await?;
        let core = match Asked::of(&document).puzzle() {
            Some(_) => Some(field.workers.core().await.context("the run is ending")?),
            None => None,
        };
        if core.is_some() {
            // The minute of the puzzle may be over by the time a core is free.
            (status, document) = field.status().await?;
        }
        let asked = Asked::of(&document);
        let code = self.code.as_deref().filter(|_| asked.asks_for_code());
        let puzzle = asked.puzzle().map(|puzzle| puzzle.at_least(dearer.unwrap_or(0)));
        let draw = status.draw.descriptor_digest.unwrap_or_default();
        let (shown, cost) = show(&draw, &self.nonce, code, core.as_ref().zip(puzzle.as_ref())).await?;
        *work += cost;
        drop(core);
        let answer = self.join(field, &shown).await?;
        Ok(self.next(&answer))
    }

    async fn join(&self, field: &Field, shown: &Value) -> anyhow::Result<Answer> {
        let nonce = BASE64_URL_SAFE_NO_PAD.encode(self.nonce);
        let body = match shown.as_object().is_some_and(|shown| shown.is_empty()) {
            true => json!({ "nonce": nonce }),
            false => json!({ "nonce": nonce, "show": shown }),
        }
        .to_string();
        let (room, authority) = (&field.farm.room, &field.farm.target.authority);
        let from =
            if field.farm.forwarded_for { format!("X-Forwarded-For: {}\r\n", self.address) } else { String::new() };
        let question = format!(
            "POST /.fairgate/{room}/join HTTP/1.1\r\nHost: {authority}\r\nOrigin: http://{authority}\r\n\
             Sec-Fetch-Site: same-origin\r\nAccept: application/json\r\nContent-Type: application/json\r\n{from}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        exchange(&field.sockets, None, question.as_bytes()).await.1.map_err(|fault| anyhow::anyhow!(fault.kind()))
    }

    fn next(&self, answer: &Answer) -> Next {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let slug = body["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or("unknown").to_owned();
        match answer.status {
            200 => match serde_json::from_value(body) {
                Ok(Joined { position: Position::Pool { index }, tier }) => {
                    let at = Some((tier.unwrap_or(0), index));
                    Next::Done(Entered { is_farm: self.is_farm, at, refused: None, work: Duration::ZERO })
                }
                Ok(Joined { position: Position::Line { .. }, .. }) => Next::GiveUp("came-after-the-pool".to_owned()),
                Err(_) => Next::GiveUp("an-answer-without-a-position".to_owned()),
            },
            428 if slug == "more-work" => match body["effort"].as_u64().map(u32::try_from) {
                Some(Ok(effort)) => Next::Solve(effort),
                _ => Next::GiveUp(slug),
            },
            409 | 429 | 503 => Next::Again(answer.retry_after_ms.map_or(AGAIN, Duration::from_millis)),
            _ => Next::GiveUp(slug),
        }
    }
}

/// The address of somebody of a network of 2²⁴.
fn address(network: u8, who: u32) -> String {
    let [_, a, b, c] = who.to_be_bytes();
    format!("{network}.{a}.{b}.{c}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Target;

    fn farm() -> Farm {
        Farm {
            target: Target::on_this_machine("http://127.0.0.1:1/").unwrap(),
            room: "final".to_owned(),
            fans: 3,
            entries: 10,
            addresses: 4,
            people: 2,
            codes: ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec(),
            seats: 5,
            cores: 1,
            forwarded_for: true,
            seed: 1,
            time_limit: Duration::from_secs(1),
            connections_max: 10,
        }
    }

    #[test]
    fn a_farm_shares_its_addresses_and_its_codes_and_fans_share_none() {
        let all = Entrant::of_both_sides(&farm());
        let of = |is_farm: bool, what: fn(&Entrant) -> String| {
            let mut of: Vec<String> = all.iter().filter(|one| one.is_farm == is_farm).map(what).collect();
            of.sort();
            of.dedup();
            of
        };
        let code = |one: &Entrant| one.code.clone().unwrap();
        assert_eq!(
            (of(false, code), of(true, code)),
            (vec!["a".into(), "b".into(), "c".into()], vec!["d".into(), "e".into()])
        );
        assert_eq!((of(false, |one| one.address.clone()).len(), of(true, |one| one.address.clone()).len()), (3, 4));
        assert_eq!(of(true, |one| hex::encode(one.nonce)).len(), 10, "each entry has a nonce of its own");
    }

    #[test]
    fn answers_lead_to_what_they_ask_for() {
        let [one, ..] = &Entrant::of_both_sides(&farm())[..] else { panic!("somebody comes") };
        let next =
            |status: u16, body: &str| one.next(&Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() });
        let entered = next(200, r#"{"kind":"pool","index":7,"tier":2}"#);
        assert!(matches!(entered, Next::Done(Entered { at: Some((2, 7)), .. })));
        let dearer = next(428, r#"{"type":"/problems/more-work","effort":4,"e":1,"seed":"AA"}"#);
        assert!(matches!(dearer, Next::Solve(4)));
        let unknown = next(403, r#"{"type":"/problems/code-unknown"}"#);
        assert!(matches!(unknown, Next::GiveUp(slug) if slug == "code-unknown"));
        assert!(matches!(next(429, "{}"), Next::Again(_)));
    }
}
