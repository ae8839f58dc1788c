//! The status document, one for all waiting browsers: built once a tick, sent as it is.

use bytes::Bytes;
use fairgate_draw::v2::{Descriptor, RecordTier, Tier};
use fairgate_entry::book::Summary;
use http::StatusCode;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

use super::next_sale::NextSale;
use crate::config::{Label, TierConfig};
use crate::edge::entry::document::EntryDocument;
use crate::edge::http::answer::Answer;
use crate::edge::http::cors::ANYBODY;
use fairgate_core::overload::{Advance, Pace};
use fairgate_core::room::{DrawRecord, Late, Limit, Phase, TierView, View};

/// Long enough for a CDN to answer everyone else, short enough that a countdown stays true.
const STATUS_CACHE_CONTROL: &str = "public, max-age=1";

/// The polling interval that browsers keep, as the room's configuration has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPolicy {
    /// The shortest time between two polls.
    pub floor_ms: u64,
    /// The longest.
    pub ceiling_ms: u64,
    /// The share of the time that is left until something happens to the fan.
    pub divisor: u64,
    /// Polls a second that the edges are to see at most; the floor rises to keep to it.
    pub per_second_max: u64,
}

/// A room's status document, ready to send.
#[derive(Clone, Debug)]
pub struct Status {
    /// JSON.
    pub body: Bytes,
    /// A strong tag of exactly these bytes.
    pub etag: HeaderValue,
    /// The whole answer as HTTP/1.1, for a connection that goes on.
    pub http1: Bytes,
    /// The same answer for a client that knows the document already (304).
    pub http1_known: Bytes,
}

/// The input of a status document.
#[derive(Clone, Copy, Debug)]
pub struct StatusInput<'a> {
    /// Its name.
    pub room: &'a str,
    /// The title of the sale.
    pub title: &'a str,
    /// The polling interval.
    pub poll: PollPolicy,
    /// How the room stands.
    pub view: &'a View,
    /// The rules of its draw, in a room with tiers.
    pub rules: Option<&'a Descriptor>,
    /// What fans read of tiers, by their names.
    pub tiers: &'a [TierConfig],
    /// The speed of the line.
    pub advance: Advance,
    /// The room's time now; later than the view's where the store is out of reach.
    pub now_ms: u64,
    /// True if the view is older than it should be.
    pub stale: bool,
    /// The public key of the draw log, where one is kept.
    pub log: Option<&'a str>,
    /// What is asked of those who enter; none where nothing is.
    pub entry: Option<&'a EntryDocument>,
    /// How many came how, where something is asked; none before anybody came.
    pub counts: Option<&'a Summary>,
    /// What dates a key's proof, where tickets are bound to keys: the same for everybody, and new each minute.
    pub proof_nonce: Option<&'a str>,
    /// The sale that follows this one, where one is known.
    pub next: Option<&'a NextSale>,
    /// The venue's time zone, by its IANA name, where one is known.
    pub zone: Option<&'a str>,
}

#[derive(Serialize)]
struct Document<'a> {
    room: &'a str,
    title: &'a str,
    phase: Phase,
    paused: bool,
    draining: bool,
    now_ms: u64,
    opens_at_ms: u64,
    starts_at_ms: u64,
    ends_at_ms: Option<u64>,
    zone: Option<&'a str>,
    pool_size: u64,
    line_size: u64,
    serving: u64,
    admitted: u64,
    active: u64,
    max_active: u64,
    rate_per_minute: u64,
    advance: Range,
    burst: u32,
    limit: Option<Limit>,
    sold_out: bool,
    grace_ms: u64,
    late: Late,
    message: Option<&'a str>,
    stale: bool,
    poll: Poll,
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<PoolOfTier<'a>>>,
    draw: Draw<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a EntryDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof_nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

/// The next sale, and what its draw is committed to already; null until it is prepared.
#[derive(Serialize)]
struct Next {
    opens_at_ms: u64,
    starts_at_ms: u64,
    ends_at_ms: Option<u64>,
    label: Option<fairgate_draw::Label>,
    descriptor_digest: Option<String>,
    commitment: Option<String>,
}

impl Next {
    fn of(next: &NextSale) -> Self {
        let draw = next.draw.as_ref();
        Self {
            opens_at_ms: next.opens_at_ms,
            starts_at_ms: next.starts_at_ms,
            ends_at_ms: next.ends_at_ms,
            label: draw.map(DrawRecord::label),
            descriptor_digest: draw.map(|draw| hex::encode(draw.descriptor_digest)),
            commitment: draw.map(|draw| hex::encode(draw.commitment)),
        }
    }
}

/// A tier's pool, in a room with tiers.
#[derive(Serialize)]
struct PoolOfTier<'a> {
    name: &'a str,
    /// What fans read, where somebody wrote it.
    label: Option<&'a Label>,
    pool_size: u64,
}

/// How the line will move. It stands for so long, then some places pass while there is room, and then so many a
/// minute. Probably it is no fewer and no more.
#[derive(Serialize)]
struct Range {
    standstill_ms: u64,
    low_per_minute: f64,
    high_per_minute: f64,
    free: Option<Free>,
}

#[derive(Serialize)]
struct Free {
    places: u64,
    low_per_minute: f64,
    high_per_minute: f64,
}

impl Range {
    fn of(advance: &Advance) -> Self {
        // Slow rooms call less than one place a minute.
        let hundredths = |rate: f64| (rate * 100.0).round() / 100.0;
        let range = |pace: &Pace| (hundredths(pace.low_per_minute), hundredths(pace.high_per_minute));
        let (low_per_minute, high_per_minute) = range(&advance.pace);
        let places = advance.free_places as u64;
        let free = (places > 0).then(|| {
            let (low_per_minute, high_per_minute) = range(&advance.free);
            Free { places, low_per_minute, high_per_minute }
        });
        Self { standstill_ms: advance.standstill_ms as u64, low_per_minute, high_per_minute, free }
    }
}

#[derive(Serialize)]
struct Poll {
    floor_ms: u64,
    ceiling_ms: u64,
    divisor: u64,
}

/// What is public of the draw; what is not yet known is null.
#[derive(Serialize)]
struct Draw<'a> {
    label: fairgate_draw::Label,
    descriptor: Option<&'a RawValue>,
    descriptor_digest: String,
    commitment: String,
    entries: Option<u64>,
    root: Option<String>,
    missing: Option<u64>,
    /// In a room with tiers: what is public of each, as in the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    tiers: Option<Vec<RecordTier>>,
    frozen_at_ms: Option<u64>,
    secret: Option<String>,
    beacon: Option<String>,
    seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
    /// In a room that asks something: how many came how.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<&'a Summary>,
}

impl<'a> Draw<'a> {
    fn of(
        record: &'a DrawRecord,
        rules: Option<&Descriptor>,
        log: Option<&'a str>,
        entry: Option<&'a Summary>,
    ) -> Self {
        let text = |bytes: &Option<[u8; 32]>| bytes.map(hex::encode);
        // The root over those of all tiers is nobody's to check.
        let root = record.root.filter(|_| rules.is_none());
        let tiers = rules.zip(record.tiers.as_ref()).map(|(rules, frozen)| {
            rules.tiers.iter().zip(frozen).map(|(tier, frozen)| RecordTier::new(tier, frozen)).collect()
        });
        Self {
            label: record.label(),
            // Raw, because its digest is over these bytes.
            descriptor: serde_json::from_str(&record.descriptor).ok(),
            descriptor_digest: hex::encode(record.descriptor_digest),
            commitment: hex::encode(record.commitment),
            entries: record.entries,
            root: text(&root),
            missing: record.missing,
            tiers,
            frozen_at_ms: record.frozen_at_ms,
            secret: text(&record.secret),
            beacon: text(&record.beacon),
            seed: text(&record.seed),
            log,
            entry,
        }
    }
}

impl Status {
    /// Writes the document and both of its answers.
    #[must_use]
    pub fn build(input: StatusInput<'_>) -> Self {
        let body = serde_json::to_vec(&document(input)).expect("a status has string keys and no failing serializers");
        let stale = u8::from(input.stale);
        let asked = input.entry.map_or_else(String::new, EntryDocument::mark);
        let asked = asked
            + &input.proof_nonce.map_or_else(String::new, |nonce| format!("-{:x}", crc32fast::hash(nonce.as_bytes())));
        let etag = format!("\"{:x}-{:x}-{stale}{asked}\"", input.view.revision, input.now_ms);
        let etag = HeaderValue::from_str(&etag).expect("hex digits, dashes and quotes");
        let body = Bytes::from(body);
        let http1_new = answer(body.clone(), &etag).http1(input.now_ms);
        let http1_known = answer_known(&etag).http1(input.now_ms);
        Self { body, etag, http1: http1_new, http1_known }
    }
}

/// To who asks.
pub(crate) fn answer(body: Bytes, etag: &HeaderValue) -> Answer {
    Answer::empty(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(CACHE_CONTROL, HeaderValue::from_static(STATUS_CACHE_CONTROL))
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .header(ETAG, etag.clone())
        .body(body)
}

/// To who asks for something newer than there is.
pub(crate) fn answer_known(etag: &HeaderValue) -> Answer {
    Answer::empty(StatusCode::NOT_MODIFIED)
        .header(CACHE_CONTROL, HeaderValue::from_static(STATUS_CACHE_CONTROL))
        .header(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY)
        .header(ETAG, etag.clone())
}

fn document(input: StatusInput<'_>) -> Document<'_> {
    let view = input.view;
    let poll =
        Poll { floor_ms: input.poll.floor_for(view), ceiling_ms: input.poll.ceiling_ms, divisor: input.poll.divisor };
    Document {
        room: input.room,
        title: input.title,
        phase: view.phase,
        paused: view.paused,
        draining: view.draining,
        now_ms: input.now_ms,
        opens_at_ms: view.opens_at_ms,
        starts_at_ms: view.starts_at_ms,
        ends_at_ms: view.ends_at_ms,
        zone: input.zone,
        pool_size: view.pool_size,
        line_size: view.line_size,
        serving: view.serving,
        admitted: view.admitted,
        active: view.active,
        max_active: view.max_active,
        rate_per_minute: input.advance.pace.per_minute.round() as u64,
        advance: Range::of(&input.advance),
        burst: view.policy.burst,
        limit: view.limit,
        sold_out: view.is_sold_out(),
        grace_ms: view.policy.grace_ms,
        late: view.policy.late,
        message: view.message.as_deref(),
        stale: input.stale,
        poll,
        tiers: input.rules.map(|rules| pools(rules, view, input.tiers)),
        draw: Draw::of(&view.draw, input.rules, input.log, input.counts),
        entry: input.entry,
        proof_nonce: input.proof_nonce,
        next: input.next.map(Next::of),
    }
}

fn pools<'a>(rules: &'a Descriptor, view: &View, labels: &'a [TierConfig]) -> Vec<PoolOfTier<'a>> {
    let pool = |(tier, size): (&'a Tier, &TierView)| {
        let label = labels.iter().find(|own| own.tier.name == tier.name).and_then(|own| own.label.as_ref());
        PoolOfTier { name: &tier.name, label, pool_size: size.entries }
    };
    rules.tiers.iter().zip(&view.tiers).map(pool).collect()
}

impl PollPolicy {
    /// The shortest time between two polls. Before the draw everyone waits for the same moment, so it is long enough that
    /// all together stay under the ceiling of polls a second. In the line only the few whose turn is near ask that often,
    /// and they must not learn late that they are called.
    #[must_use]
    pub fn floor_for(self, view: &View) -> u64 {
        self.floor_ms(if view.phase == Phase::Serving { 0 } else { view.pool_size.max(view.line_size) })
    }

    fn floor_ms(self, waiting: u64) -> u64 {
        let needed_ms = waiting.saturating_mul(1000) / self.per_second_max.max(1);
        self.floor_ms.max(needed_ms).min(self.ceiling_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_rises_with_the_crowd() {
        let poll = PollPolicy { floor_ms: 2_000, ceiling_ms: 180_000, divisor: 10, per_second_max: 50_000 };
        assert_eq!(poll.floor_ms(0), 2_000);
        assert_eq!(poll.floor_ms(100_000), 2_000);
        assert_eq!(poll.floor_ms(1_000_000), 20_000);
        assert_eq!(poll.floor_ms(14_000_000), 180_000);
    }
}
