//! `[edge.limits]`: what one client may ask and hold. A rate or number of 0 switches a limit off.

use ipnet::IpNet;

use super::reader::Section;
use fairgate_core::rate_limit::Quota;

/// Bodies of which a few can be read at once, at least.
const BODY_BYTES_MIN: u64 = 1 << 20;

/// The quotas of networks and sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Of a network: everything but polls, and what those do who are known to be inside. A network is an IPv4 /32 or
    /// an IPv6 /64; a /48 may ask sixteen times as much, a /32 thirty-two times.
    pub network: Quota,
    /// Of a network: polls of the status, where they are not plain ones of HTTP/1.1, which cost next to nothing.
    pub polls: Quota,
    /// Of a network: joins.
    pub joins: Quota,
    /// Of a network: claims.
    pub claims: Quota,
    /// Of a session: requests to the shop, those to priority paths and those that change something apart from the others.
    pub session: Quota,
    /// Of a network: connections that are open at once; 0 for no limit.
    pub network_connections: u32,
    /// Bytes of requests' bodies that are in memory at once.
    pub body_bytes: u64,
    /// Of a network: bytes of bodies that are in memory at once; 0 for no limit.
    pub network_body_bytes: u64,
    /// Keys that are remembered at once, 16 bytes each.
    pub keys_max: u32,
    /// Networks that have no limit.
    pub unlimited: Vec<IpNet>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
        Self {
            network: Quota { per_minute: 30_000, burst: 6_000 },
            polls: Quota { per_minute: 150_000, burst: 10_000 },
            joins: Quota { per_minute: 1_200, burst: 600 },
            claims: Quota { per_minute: 3_000, burst: 600 },
            session: Quota { per_minute: 1_800, burst: 600 },
            network_connections: 10_000,
            body_bytes: 64 << 20,
            network_body_bytes: 8 << 20,
            keys_max: 1 << 20,
            unlimited: loopback,
        }
    }
}

impl LimitsConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let default = Self::default();
        let quota = |rate, burst, default: Quota| {
            let quota = Quota {
                per_minute: section.get_or(rate, default.per_minute),
                burst: section.get_or(burst, default.burst),
            };
            section.check(
                quota.per_minute == 0 || quota.burst > 0,
                burst,
                "is 0: nobody could ask at all",
                "at least 1; a rate of 0 switches the limit off",
            );
            quota
        };
        let keys_max = section.get_or("keys", default.keys_max);
        section.check(keys_max > 0, "keys", "is 0: nobody would be remembered", "write 1_048_576, which takes 16 MB");
        let body_bytes = section.get_or("body_bytes", default.body_bytes);
        section.check(
            body_bytes >= BODY_BYTES_MIN,
            "body_bytes",
            format!("is less than {BODY_BYTES_MIN}: hardly a form could be read"),
            "write 67_108_864, which is 64 MB",
        );
        Some(Self {
            network: quota("network_per_minute", "network_burst", default.network),
            polls: quota("polls_per_minute", "polls_burst", default.polls),
            joins: quota("joins_per_minute", "joins_burst", default.joins),
            claims: quota("claims_per_minute", "claims_burst", default.claims),
            session: quota("session_per_minute", "session_burst", default.session),
            network_connections: section.get_or("network_connections", default.network_connections),
            body_bytes,
            network_body_bytes: section.get_or("network_body_bytes", default.network_body_bytes),
            keys_max,
            unlimited: section.get("unlimited").unwrap_or(default.unlimited),
        })
    }
}
