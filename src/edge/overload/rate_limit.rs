//! Rate limits (quotas) of networks and sessions, and the `RateLimit` fields that tell clients about them.
//!
//! Guarantees: a request is counted once, where it is let through, and never at a retry. A client's own limit is told
//! by 429, while 503 means that the edge has no capacity. No address is kept, only keyed hashes.

use std::net::IpAddr;
use std::time::Instant;

use http::HeaderValue;
use http::header::HeaderName;
use ipnet::IpNet;

use crate::config::LimitsConfig;
use crate::observe::RouteClass;
use fairgate_core::rate_limit::{Network, Quota, Spread, Table, Verdict, networks};
use fairgate_store::CountedNetwork;
use fairgate_token::SessionId;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Joins that a network may have made here lately before the store counts them, too.
const BUSY_JOINS: u32 = 3;

/// The time within which the refused clients of a network come back.
const NETWORK_SPREAD_MS: u64 = 10_000;

/// A kind of request that has a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Any request of a network, but polls.
    Network,
    /// A poll of a network.
    Poll,
    /// A join of a network.
    Join,
    /// A claim of a network.
    Claim,
    /// A session's requests to priority paths, or to others.
    Session(RouteClass),
}

/// The effect of a question on the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    /// A request that is let through is counted.
    Count,
    /// Nothing.
    Look,
}

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) counted: Counted,
    pub(crate) quota: Quota,
    pub(crate) retry_after_ms: u64,
}

/// The rest of a quota that allowed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    counted: Counted,
    quota: Quota,
    remaining: u32,
}

/// The quotas of this edge.
#[derive(Debug)]
pub(crate) struct Quotas {
    config: LimitsConfig,
    table: Table,
    begun: Instant,
    spread: Spread,
}

impl Quotas {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        Self {
            table: Table::new(config.keys_max as usize),
            config: config.clone(),
            begun: Instant::now(),
            spread: Spread::default(),
        }
    }

    /// Asks for a request of a network.
    ///
    /// # Errors
    /// The network's quota is spent.
    pub(crate) fn network(&self, tally: Tally, counted: Counted, address: IpAddr, at: Instant) -> Result<(), Over> {
        let Some(quota) = self.quota(counted) else { return Ok(()) };
        if self.is_unlimited(address) {
            return Ok(());
        }
        networks(address)
            .try_for_each(|Network { key, factor }| self.ask(tally, counted, key, quota.times(factor), at).map(drop))
            .map_err(|over| self.apart(over))
    }

    /// The networks of an address that have joined more than a few times lately here: their joins are counted where the
    /// room is. Those who come one by one cost the store nothing.
    pub(crate) fn busy_joiners(&self, address: IpAddr, at: Instant) -> Vec<CountedNetwork> {
        let quota = self.quota(Counted::Join).filter(|_| !self.is_unlimited(address));
        let of = |quota: Quota| {
            networks(address).map(move |Network { key, factor }| CountedNetwork { key, quota: quota.times(factor) })
        };
        let is_busy = |network: &CountedNetwork| {
            let left = self.ask(Tally::Look, Counted::Join, network.key, network.quota, at);
            left.is_err() || left.is_ok_and(|left| left + BUSY_JOINS < network.quota.burst)
        };
        quota.into_iter().flat_map(of).filter(is_busy).collect()
    }

    /// The joins of a network are used up over all edges.
    pub(crate) fn over_joins(&self, retry_after_ms: u64) -> Over {
        self.apart(Over { counted: Counted::Join, quota: self.config.joins, retry_after_ms })
    }

    /// A network is many clients: they are not told to come back together.
    fn apart(&self, over: Over) -> Over {
        Over { retry_after_ms: over.retry_after_ms + self.spread.next_ms(NETWORK_SPREAD_MS), ..over }
    }

    /// When to ask again, spread so that those who are turned away together do not come back together.
    pub(crate) fn spread_ms(&self, within_ms: u64) -> u64 {
        self.spread.next_ms(within_ms)
    }

    /// True if an address has no limit.
    pub(crate) fn is_unlimited(&self, address: IpAddr) -> bool {
        self.config.unlimited.iter().any(|net: &IpNet| net.contains(&address))
    }

    /// Asks for a request of a session; answers what is left where that is less than half.
    ///
    /// # Errors
    /// The session's quota is spent.
    pub(crate) fn session(
        &self,
        tally: Tally,
        class: RouteClass,
        session: SessionId,
        at: Instant,
    ) -> Result<Option<Left>, Over> {
        let counted = Counted::Session(class);
        let Some(quota) = self.quota(counted) else { return Ok(None) };
        let remaining = self.ask(tally, counted, session.number(), quota, at)?;
        let is_little = u64::from(remaining) * 2 < quota.burst.into();
        Ok(is_little.then_some(Left { counted, quota, remaining }))
    }

    fn quota(&self, counted: Counted) -> Option<Quota> {
        let LimitsConfig { network, polls, joins, claims, session, .. } = self.config;
        let quota = match counted {
            Counted::Network => network,
            Counted::Poll => polls,
            Counted::Join => joins,
            Counted::Claim => claims,
            Counted::Session(_) => session,
        };
        (quota.per_minute > 0).then_some(quota)
    }

    fn ask(&self, tally: Tally, counted: Counted, key: u128, quota: Quota, at: Instant) -> Result<u32, Over> {
        // Beyond zero, which is what a key that was never seen has.
        let now_us = u64::try_from(at.saturating_duration_since(self.begun).as_micros()).unwrap_or(u64::MAX >> 1) + 1;
        let verdict = match tally {
            Tally::Count => self.table.ask(counted.class(), key, &quota, now_us),
            Tally::Look => self.table.look(counted.class(), key, &quota, now_us),
        };
        match verdict {
            Verdict::Allowed { remaining } => Ok(remaining),
            Verdict::Refused { retry_after_ms } => Err(Over { counted, quota, retry_after_ms }),
        }
    }
}

impl Counted {
    fn class(self) -> u8 {
        match self {
            Self::Network => 0,
            Self::Join => 1,
            Self::Claim => 2,
            Self::Session(RouteClass::Priority) => 3,
            Self::Session(RouteClass::Other) => 4,
            Self::Poll => 5,
        }
    }

    /// The policy's name in `RateLimit-Policy` and in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Poll => "polls",
            Self::Join => "joins",
            Self::Claim => "claims",
            Self::Session(RouteClass::Priority) => "session-priority",
            Self::Session(RouteClass::Other) => "session",
        }
    }
}

impl Over {
    /// The fields for a client over its quota: nothing is left, and when there is more.
    pub(crate) fn fields(&self) -> [(HeaderName, HeaderValue); 2] {
        fields(self.counted, self.quota, 0, self.retry_after_ms.div_ceil(1_000))
    }
}

impl Left {
    /// The fields for a client within its quota: the rest, and when all of it is there again.
    pub(crate) fn fields(&self) -> [(HeaderName, HeaderValue); 2] {
        let used = self.quota.burst.saturating_sub(self.remaining);
        let whole_s = (u64::from(used) * 60).div_ceil(u64::from(self.quota.per_minute.max(1)));
        fields(self.counted, self.quota, self.remaining, whole_s)
    }
}

/// `RateLimit-Policy` and `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers. They have quota and window of the
/// policy by its name, what remains of it, and in how many seconds there is more.
fn fields(counted: Counted, quota: Quota, remaining: u32, more_s: u64) -> [(HeaderName, HeaderValue); 2] {
    let (name, Quota { burst, .. }) = (counted.label(), quota);
    let policy = format!("\"{name}\";q={burst};w={}", quota.window_s());
    let limit = format!("\"{name}\";r={remaining};t={more_s}");
    let value = |text: String| HeaderValue::try_from(text).expect("names and numbers");
    [(RATE_LIMIT_POLICY, value(policy)), (RATE_LIMIT, value(limit))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas() -> Quotas {
        let quota = |per_minute, burst| Quota { per_minute, burst };
        Quotas::new(&LimitsConfig {
            network: quota(60, 2),
            joins: quota(1, 1),
            claims: quota(0, 0),
            session: quota(60, 1),
            keys_max: 1_000,
            unlimited: vec!["127.0.0.0/8".parse().unwrap()],
            ..LimitsConfig::default()
        })
    }

    fn count(quotas: &Quotas, counted: Counted, address: &str, times: usize) -> usize {
        (0..times)
            .filter(|_| quotas.network(Tally::Count, counted, address.parse().unwrap(), quotas.begun).is_ok())
            .count()
    }

    #[test]
    fn networks_have_their_share_and_a_wide_one_its_ceiling() {
        let quotas = quotas();
        assert_eq!(count(&quotas, Counted::Network, "192.0.2.1", 5), 2);
        assert_eq!(count(&quotas, Counted::Network, "192.0.2.2", 5), 2);
        assert_eq!(count(&quotas, Counted::Network, "127.0.0.1", 500), 500, "not limited");
        assert_eq!(count(&quotas, Counted::Claim, "192.0.2.1", 500), 500, "switched off");
        let of_a_48 = (0..100).map(|net| count(&quotas, Counted::Network, &format!("2001:db8:1:{net:x}::1"), 1));
        assert_eq!(of_a_48.sum::<usize>(), 32);
        let of_a_32 = (2..100).map(|net| count(&quotas, Counted::Network, &format!("2001:db8:{net:x}::1"), 1));
        assert_eq!(of_a_32.sum::<usize>(), 32, "and half of it had been asked for by one /48");
    }

    #[test]
    fn a_crowd_behind_one_address_gets_in_and_is_not_told_to_come_back_together() {
        let quotas = Quotas::new(&LimitsConfig::default());
        let (address, mut at, mut told): (IpAddr, _, Vec<Over>) =
            ("192.0.2.1".parse().unwrap(), quotas.begun, Vec::new());
        let mut waiting = 5_000;
        while waiting > 0 {
            let mut left = 0;
            for _ in 0..waiting {
                if let Err(over) = quotas.network(Tally::Count, Counted::Join, address, at) {
                    told.push(over);
                    left += 1;
                }
            }
            waiting = left;
            at += std::time::Duration::from_secs(10);
        }
        let took_s = (at - quotas.begun).as_secs();
        assert!(took_s <= 240, "5,000 fans behind one address have joined after {took_s} s");
        let in_s = |s: u64| told.iter().filter(|over| over.retry_after_ms / 1_000 == s).count() * 100 / told.len();
        let in_each_s: Vec<usize> = (0..=10).map(in_s).collect();
        assert!(in_each_s[1..10].iter().all(|share| (8..=12).contains(share)), "hundredths by second: {in_each_s:?}");
    }

    #[test]
    fn who_is_over_is_told_how_much_when_and_of_what() {
        let quotas = quotas();
        let session = SessionId::of(&[1; 32], 7);
        assert!(quotas.session(Tally::Count, RouteClass::Other, session, quotas.begun).is_ok());
        assert!(
            quotas.session(Tally::Count, RouteClass::Priority, session, quotas.begun).is_ok(),
            "checkout counts by itself"
        );
        let over = quotas.session(Tally::Count, RouteClass::Other, session, quotas.begun).unwrap_err();
        assert_eq!(over.fields().map(|(_, value)| value), ["\"session\";q=1;w=1", "\"session\";r=0;t=1"]);
        assert_eq!(count(&quotas, Counted::Join, "192.0.2.1", 2), 1);
    }
}
