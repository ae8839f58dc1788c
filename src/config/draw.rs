//! `[room.draw]`: the public randomness that a draw waits for, beside the operator's committed secret.

use std::fmt;

use fairgate_draw::QUICKNET;
use fairgate_draw::v2::RETRY_MAX;
use reqwest::Url;
use toml::de::DeValue;

use super::reader::Section;
use super::times::Span;
use super::value::{Misfit, Value, Word};
use fairgate_core::room::BeaconPlan;

/// drand's public relays. Any of them will do, since a round's signature authenticates itself.
const RELAYS: [&str; 4] =
    ["https://api.drand.sh", "https://api2.drand.sh", "https://api3.drand.sh", "https://drand.cloudflare.com"];
const RELAYS_MAX: usize = 16;
/// From one round that a draw with tiers may wait for to the next.
const RETRY: Span = Span::seconds(30);

/// A draw with a public beacon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconConfig {
    /// Whom to ask for the round.
    pub relays: Vec<Relay>,
    /// How long after the start the round is published, at the earliest: until then the roster has to be hashed, published
    /// and witnessed.
    pub delay_ms: u64,
    /// How long after the round's time the draw goes on without it; `None`: it waits. With it the draw is "committed", and no
    /// more, from its schedule on: whoever has the secret could aim the outcome without the round.
    pub fallback_after_ms: Option<u64>,
    /// In a draw with tiers or identities: how many rounds later the draw waits for another one, where the freeze came too
    /// late for this one.
    pub retry_rounds: u32,
}

/// Where a drand relay answers: the part of the URL before the chain's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay(Url);

#[derive(Clone, Copy)]
enum Kind {
    None,
    Quicknet,
}

#[derive(Clone, Copy)]
enum Fallback {
    Never,
    After(Span),
}

impl BeaconConfig {
    /// Reads `[room.draw]`; nothing inside where the draw is committed and no more. `has_rules`: the room has tiers, or asks
    /// for identities.
    pub(super) fn read(section: &Section<'_>, witness_ms: u64, has_rules: bool) -> Option<Option<Self>> {
        let kind = section.get_or("beacon", Kind::None);
        let relays: Vec<Relay> = section.get_or("relays", RELAYS.into_iter().filter_map(Relay::parse).collect());
        section.check(
            (1..=RELAYS_MAX).contains(&relays.len()),
            "relays",
            format!("names {} relays", relays.len()),
            format!("name 1 to {RELAYS_MAX}; several, so that one may fail"),
        );
        let delay_ms = section.get_or("delay", Span::seconds(10)).ms;
        section.check(
            delay_ms >= witness_ms,
            "delay",
            "is shorter than the room's witness time: the round could be known before browsers have seen the roster's root",
            "make it as long as witness and the time to hash the roster (about a second for three million entries)",
        );
        let fallback_after_ms = match section.get_or("fallback", Fallback::Never) {
            Fallback::Never => None,
            Fallback::After(span) => Some(span.ms),
        };
        section.check(
            !has_rules || fallback_after_ms.is_none(),
            "fallback",
            "means nothing in a room with tiers or identities: its draw waits for a round, however late",
            "remove it; `retry` says which round follows if the freeze is late",
        );
        let retry_rounds = read_retry(section, has_rules);
        let beacon =
            matches!(kind, Kind::Quicknet).then_some(Self { relays, delay_ms, fallback_after_ms, retry_rounds });
        Some(beacon)
    }

    /// The round that a draw at this time waits for.
    #[must_use]
    pub fn plan(&self, starts_at_ms: u64) -> BeaconPlan {
        let round = QUICKNET.round_at(starts_at_ms.saturating_add(self.delay_ms));
        BeaconPlan { round, fallback_after_ms: self.fallback_after_ms }
    }
}

/// How many rounds are from one that the draw may wait for to the next.
fn read_retry(section: &Section<'_>, has_rules: bool) -> u32 {
    let rounds = section.get_or("retry", RETRY).ms.div_ceil(QUICKNET.period_ms);
    section.check(
        has_rules || !section.has("retry"),
        "retry",
        "means nothing in a room without tiers and identities: its draw names one round",
        "remove it",
    );
    let rounds = u32::try_from(rounds).ok().filter(|rounds| (1..=RETRY_MAX).contains(rounds));
    section.check(rounds.is_some(), "retry", "is no time from one round to another", r#"write "30s", or up to "36d""#);
    rounds.unwrap_or(1)
}

impl Relay {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim_end_matches('/')).ok()?;
        let fits = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
        fits.then_some(Self(url))
    }

    /// Where the relay answers a round of quicknet.
    #[must_use]
    pub fn url(&self, round: u64) -> String {
        let base = self.0.as_str().trim_end_matches('/');
        format!("{base}/{}/public/{round}", hex::encode(QUICKNET.hash))
    }
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Value for Relay {
    fn kind() -> String {
        "URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        Self::parse(&text).ok_or_else(|| {
            Misfit::new(format!("{text:?} is not a relay"), r#"write its URL, like "https://api.drand.sh""#)
        })
    }
}

impl Word for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[("none", Self::None), ("quicknet", Self::Quicknet)];
}

impl Value for Fallback {
    fn kind() -> String {
        format!("\"never\" or {}", Span::kind())
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        match value.as_str() {
            Some("never") => Ok(Self::Never),
            _ => Span::read(value).map(Self::After).map_err(|misfit| {
                Misfit::new(
                    misfit.what,
                    format!(r#"{}, or "never" to wait for the round however long it takes"#, misfit.remedy),
                )
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fairgate_draw::{BeaconRound, Descriptor, Label, QUICKNET};

    use crate::config::Config;

    /// A room with these lines in `[room.draw]`.
    fn config(lines: &str) -> Config {
        let text = format!(
            "[edge]\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\nupstream = \"shop\"\n\
             opens_at = \"2026-12-01T09:30:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\nadmission.rate_per_minute = 600\n\
             [room.draw]\n{lines}"
        );
        Config::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// What such a draw is labelled, after how long it goes on without its round, and what keys are warned of.
    fn label(lines: &str) -> (Label, Option<u64>, Vec<String>) {
        let config = config(lines);
        let plan = config.rooms[0].beacon.as_ref().map(|beacon| beacon.plan(1_796_119_200_000));
        let fallback_after_ms = plan.and_then(|plan| plan.fallback_after_ms);
        let beacon = plan.map(|plan| BeaconRound { fallback_after_ms, ..QUICKNET.round(plan.round) });
        let (room, commitment) = ("final".into(), [0; 32]);
        let descriptor = Descriptor { beacon, commitment, opens_at_ms: 1, room, starts_at_ms: 2 };
        (descriptor.label(), fallback_after_ms, config.warnings(0).into_iter().map(|warning| warning.key).collect())
    }

    #[test]
    fn a_draw_waits_for_its_round_unless_told_otherwise_and_then_is_committed_and_no_more() {
        assert_eq!(label(""), (Label::Committed, None, vec![]));
        assert_eq!(label("beacon = \"quicknet\""), (Label::CommittedAndBeacon, None, vec![]));
        assert_eq!(label("beacon = \"quicknet\"\nfallback = \"never\""), (Label::CommittedAndBeacon, None, vec![]));
        let told = vec!["room[final].draw.fallback".to_owned()];
        assert_eq!(label("beacon = \"quicknet\"\nfallback = \"10m\""), (Label::Committed, Some(600_000), told));
    }
}
