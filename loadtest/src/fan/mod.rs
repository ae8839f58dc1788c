//! A fan: arrive, join, wait, claim, shop. Every answer is checked against what the fan was told before.

mod behaviour;
mod browser;
mod life;
mod shop;

use std::sync::Arc;

use serde_json::json;
use tokio::time::{Duration, Instant};

pub use behaviour::Behaviour;
pub(crate) use behaviour::{Intent, Window};
use browser::{Browser, Question};
pub use life::Fate;
pub(crate) use life::{Admission, Broken, Life, Purchase, Ticket};

use crate::http::Answer;
use crate::recorder::Kind;
use crate::run::World;
use crate::wire::{Admitted, Joined, NotYet, Phase, Position, Status};

/// A claim is repeated no sooner and no later than this, whatever the answer says.
const CLAIM_AGAIN_MS: std::ops::RangeInclusive<u64> = 50..=60_000;

/// One fan and all that it knows.
#[derive(Debug)]
pub(crate) struct Fan {
    world: Arc<World>,
    browser: Browser,
    intent: Intent,
    life: Life,
    visits: usize,
}

/// What a claim brought.
enum Claimed {
    In,
    Later { after_ms: u64 },
    Over(Fate),
}

impl Fan {
    pub(crate) fn new(world: Arc<World>, who: u32, intent: Intent) -> Self {
        let browser = Browser::new(Arc::clone(&world), who, intent.tabs, intent.jitter_seed);
        let life = Life::new(who, intent.behaviour);
        Self { world, browser, intent, life, visits: 0 }
    }

    /// Lives until the fan's errand is done or the time is up.
    pub(crate) async fn live(mut self, until: Instant) -> Life {
        if let Ok(fate) = tokio::time::timeout_at(until, self.go()).await {
            self.life.fate = fate;
        }
        self.life
    }

    async fn go(&mut self) -> Fate {
        tokio::time::sleep_until(self.world.room.instant_of(self.intent.arrives_at_ms)).await;
        self.world.tally.arrived();
        self.open_page().await;
        if let Err(fate) = self.join().await {
            return fate;
        }
        let joined_at = Instant::now();
        if let Err(fate) = self.wait_for_the_call(joined_at).await {
            return fate;
        }
        if let Err(fate) = self.claim_until_in().await {
            return fate;
        }
        self.world.tally.admitted();
        Box::pin(self.shop()).await
    }

    /// The protected page: the shop for those with a pass, the waiting page (200, or 503) for everyone else.
    async fn open_page(&mut self) {
        let world = Arc::clone(&self.world);
        let tab = self.next_tab();
        match self.browser.ask(tab, Question::get(Kind::Page, &world.options.target.page)).await {
            Ok(answer) if matches!(answer.status, 200 | 503) => {}
            Ok(answer) if answer.status == 429 => world.recorder.turned_away(Kind::Page, 429),
            Ok(answer) => world.recorder.error(Kind::Page, &format!("HTTP {}", answer.status)),
            Err(fault) => world.recorder.error(Kind::Page, &fault.kind()),
        }
    }

    fn next_tab(&mut self) -> usize {
        self.visits += 1;
        self.visits % self.browser.tabs()
    }

    async fn look(&mut self) -> Arc<Status> {
        let world = Arc::clone(&self.world);
        loop {
            let tab = self.next_tab();
            let answer = self.browser.ask_until_answered(tab, Question::get(Kind::Status, &world.paths.status)).await;
            match world.room.learn(answer.body) {
                Ok(status) if answer.status == 200 => return status,
                _ => world.recorder.error(Kind::Status, &format!("HTTP {} without a status", answer.status)),
            }
            self.browser.wait_ms(1_000).await;
        }
    }

    async fn join(&mut self) -> Result<(), Fate> {
        loop {
            // Bots do not look first: at the first millisecond of the pool they are there.
            if self.intent.behaviour != Behaviour::Bot {
                self.wait_until_open().await?;
            }
            let answer = self.ask_to_join(0).await;
            match answer.status {
                200 => return self.take_ticket(&answer),
                409 => self.browser.wait_ms(answer.retry_after_ms.unwrap_or(200).min(200)).await,
                410 => return Err(Fate::SaleEnded),
                status => {
                    self.world.recorder.error(Kind::Join, &format!("HTTP {status}"));
                    return Err(Fate::Refused);
                }
            }
        }
    }

    async fn wait_until_open(&mut self) -> Result<(), Fate> {
        loop {
            let status = self.look().await;
            match status.phase {
                Phase::Idle => {
                    let until_open_ms = status.opens_at_ms.saturating_sub(self.world.room.now_ms());
                    let wait_ms = self.browser.poll_delay_ms(&status, None);
                    self.browser.wait_ms(wait_ms.min(until_open_ms.max(100))).await;
                }
                Phase::Ended => return Err(Fate::SaleEnded),
                Phase::Pooling | Phase::Drawing | Phase::Serving => return Ok(()),
            }
        }
    }

    async fn ask_to_join(&mut self, tab: usize) -> Answer {
        use base64::Engine as _;
        let nonce = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.intent.nonce);
        let world = Arc::clone(&self.world);
        let operation = world.history.invoke(self.life.who, "join", || json!({}));
        let body = json!({ "nonce": nonce }).to_string();
        let answer = self.browser.ask_until_answered(tab, Question::post(Kind::Join, &world.paths.join, &body)).await;
        match serde_json::from_slice::<Joined>(&answer.body) {
            Ok(joined) if answer.status == 200 => operation.ok(|| match joined.position {
                Position::Pool { index } => json!({ "index": index }),
                Position::Line { place } => json!({ "place": place }),
            }),
            _ => operation.fail(answer.status),
        }
        answer
    }

    fn take_ticket(&mut self, answer: &Answer) -> Result<(), Fate> {
        let Ok(Joined { position, entry: Some(entry) }) = serde_json::from_slice::<Joined>(&answer.body) else {
            self.world.recorder.error(Kind::Join, "an answer without position and entry");
            return Err(Fate::Refused);
        };
        if let Some(digest) = self.world.room.latest().draw.descriptor_digest
            && entry != fairgate_draw::entry(&digest, &self.intent.nonce, &fairgate_draw::ZERO)
        {
            self.life.broken.push(Broken::EntryDiffers);
        }
        self.life.joined = Some(Ticket { position, entry });
        if let Position::Line { place } = position {
            self.life.place = Some(place);
        }
        self.world.tally.joined(position);
        Ok(())
    }

    async fn wait_for_the_call(&mut self, joined_at: Instant) -> Result<(), Fate> {
        let leaves_at = self.intent.leaves.map(|leaving| joined_at + Duration::from_millis(leaving.after_join_ms));
        loop {
            let status = self.look().await;
            self.work_out_place(&status).await;
            if status.phase == Phase::Ended {
                return Err(Fate::SaleEnded);
            }
            if status.sold_out {
                return Err(Fate::SoldOut);
            }
            if status.phase == Phase::Serving && self.life.place.is_some_and(|place| place < status.serving) {
                return Ok(());
            }
            if leaves_at.is_some_and(|leaves_at| Instant::now() >= leaves_at) {
                return self.leave().await;
            }
            let wait_ms = match self.intent.own_pace_ms {
                Some(own_pace_ms) => self.browser.spread_ms(own_pace_ms),
                None => self.browser.poll_delay_ms(&status, self.life.place),
            };
            self.browser.wait_ms(wait_ms).await;
            self.be_oneself().await;
        }
    }

    /// The place of a pooled fan follows from the public numbers: index, N and seed.
    async fn work_out_place(&mut self, status: &Status) {
        let (Some(Ticket { position: Position::Pool { index }, .. }), None) = (self.life.joined, self.life.place)
        else {
            return;
        };
        if let (Some(entries), Some(seed)) = (status.draw.entries, status.draw.seed) {
            self.life.place = self.world.room.place_of(index, entries, seed).await;
        }
    }

    /// What some do between two looks, besides waiting.
    async fn be_oneself(&mut self) {
        match self.intent.behaviour {
            Behaviour::Refreshing => {
                self.open_page().await;
                if self.visits.is_multiple_of(4) {
                    self.join_again().await;
                }
            }
            Behaviour::ManyTabs => self.join_again().await,
            Behaviour::Bot if self.visits.is_multiple_of(2) => self.join_again().await,
            Behaviour::Bot => self.claim_too_early().await,
            Behaviour::Early | Behaviour::OnTime | Behaviour::Late | Behaviour::Leaving => {}
        }
    }

    /// The same ticket again must get the same answer.
    async fn join_again(&mut self) {
        let tab = self.next_tab();
        let answer = self.ask_to_join(tab).await;
        let again = serde_json::from_slice::<Joined>(&answer.body).ok().filter(|_| answer.status == 200);
        match (again, self.life.joined) {
            (Some(again), Some(first)) if again.position != first.position => {
                self.life.broken.push(Broken::TicketChanged { first: first.position, then: again.position });
            }
            (Some(_), _) => {}
            // The sale is over for everyone.
            (None, _) if answer.status == 410 => {}
            (None, _) => self.life.broken.push(Broken::TicketRefused { status: answer.status }),
        }
    }

    async fn claim_too_early(&mut self) {
        // Whether it was too early is for the judge, who knows when the place was called.
        self.claim_once().await;
    }

    async fn leave(&mut self) -> Result<(), Fate> {
        if self.intent.leaves.is_some_and(|leaving| leaving.says_so) {
            let world = Arc::clone(&self.world);
            let operation = world.history.invoke(self.life.who, "leave", || json!({}));
            let answer =
                self.browser.ask_until_answered(0, Question::post(Kind::Leave, &world.paths.leave, "{}")).await;
            if (200..300).contains(&answer.status) {
                operation.ok(|| json!({}));
            } else {
                operation.fail(answer.status);
                world.recorder.error(Kind::Leave, &format!("HTTP {}", answer.status));
            }
        }
        self.browser.close();
        Err(Fate::Left)
    }

    async fn claim_until_in(&mut self) -> Result<(), Fate> {
        self.world.tally.called();
        loop {
            match self.claim_once().await {
                Claimed::In => return Ok(()),
                Claimed::Over(fate) => return Err(fate),
                Claimed::Later { .. } if self.world.room.latest().sold_out => return Err(Fate::SoldOut),
                Claimed::Later { after_ms } => {
                    // Never earlier than told: the server spreads the called over the time that it has room in.
                    let spread_ms = self.browser.choose(usize::try_from(after_ms / 4).unwrap_or(0) + 1) as u64;
                    self.browser.wait_ms(after_ms + spread_ms).await;
                }
            }
        }
    }

    async fn claim_once(&mut self) -> Claimed {
        let world = Arc::clone(&self.world);
        let place = self.life.place;
        let operation = world.history.invoke(self.life.who, "claim", || json!({ "place": place }));
        let question = Question::post(Kind::Claim, &world.paths.claim, "{}");
        let first = if self.browser.tabs() > 1 {
            let answers = self.browser.ask_from_every_tab(question).await;
            answers.into_iter().filter_map(|answer| self.note_admission(answer)).next_back()
        } else {
            None
        };
        let answer = match first {
            Some(answer) => answer,
            None => self.browser.ask_until_answered(0, question).await,
        };
        let claimed = self.read_claim(&answer);
        match (&claimed, &self.life.admitted) {
            (Claimed::In, Some(admission)) => operation.ok(
                || json!({ "place": admission.place, "admitted_at_ms": admission.at_ms, "session": admission.session }),
            ),
            _ => operation.fail(answer.status),
        }
        claimed
    }

    /// Reads an answer to one tab's claim; every tab must be told the same.
    fn note_admission(&mut self, answer: Result<Answer, crate::http::Fault>) -> Option<Answer> {
        match answer {
            Ok(answer) if answer.status == 200 => {
                self.read_claim(&answer);
                Some(answer)
            }
            Ok(_) => None,
            Err(fault) => {
                self.world.recorder.error(Kind::Claim, &fault.kind());
                None
            }
        }
    }

    fn read_claim(&mut self, answer: &Answer) -> Claimed {
        match answer.status {
            200 => match serde_json::from_slice::<Admitted>(&answer.body) {
                Ok(admitted) => self.go_in(admitted),
                Err(_) => self.claim_failed("an admission without place, instant and session"),
            },
            202 => {
                let not_yet = serde_json::from_slice::<NotYet>(&answer.body).ok();
                if let Some(place) = not_yet.as_ref().and_then(|not_yet| not_yet.place) {
                    self.compare_place(place);
                }
                let after_ms = not_yet.and_then(|not_yet| not_yet.retry_after_ms).unwrap_or(1_000);
                Claimed::Later { after_ms: after_ms.clamp(*CLAIM_AGAIN_MS.start(), *CLAIM_AGAIN_MS.end()) }
            }
            410 if self.world.room.latest().phase == Phase::Ended => Claimed::Over(Fate::SaleEnded),
            410 => Claimed::Over(Fate::CallExpired),
            status @ (400 | 401 | 403 | 404 | 409) => {
                self.life.broken.push(Broken::TicketRefused { status });
                Claimed::Over(Fate::Refused)
            }
            status => self.claim_failed(&format!("HTTP {status}")),
        }
    }

    fn claim_failed(&self, what: &str) -> Claimed {
        self.world.recorder.error(Kind::Claim, what);
        Claimed::Later { after_ms: 1_000 }
    }

    fn go_in(&mut self, admitted: Admitted) -> Claimed {
        self.compare_place(admitted.place);
        let now = Admission { place: admitted.place, at_ms: admitted.admitted_at_ms, session: admitted.session };
        match &self.life.admitted {
            None => self.life.admitted = Some(now),
            Some(first) if *first == now => {}
            Some(_) => self.life.broken.push(Broken::AdmittedTwice { place: now.place }),
        }
        Claimed::In
    }

    fn compare_place(&mut self, servers: u64) {
        if let Some(own) = self.life.place
            && own != servers
        {
            self.life.broken.push(Broken::PlaceDiffers { own, servers });
        }
    }
}
