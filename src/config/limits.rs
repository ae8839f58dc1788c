//! `[edge.limits]`: what one client may ask and hold. A rate or number of 0 switches a limit off.

use ipnet::IpNet;

use super::reader::Section;
use crate::limit::Quota;

/// The quotas of networks and sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Of a network (IPv4 /32, IPv6 /64; a /48 may ask sixteen times as much, a /32 thirty-two times): everything but plain polls.
    pub network: Quota,
    /// Of a network: joins.
    pub joins: Quota,
    /// Of a network: claims.
    pub claims: Quota,
    /// Of a session: requests to the shop, those to priority paths apart from the others.
    pub session: Quota,
    /// Of a network: connections that are open at once; 0 for no limit.
    pub network_connections: u32,
    /// Keys that are remembered at once, 16 bytes each.
    pub keys_max: u32,
    /// Networks that have no limit.
    pub unlimited: Vec<IpNet>,
}

impl LimitsConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
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
        let keys_max = section.get_or("keys", 1 << 20);
        section.check(keys_max > 0, "keys", "is 0: nobody would be remembered", "write 1_048_576, which takes 16 MB");
        let loopback = || ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
        Some(Self {
            network: quota("network_per_minute", "network_burst", Quota { per_minute: 6_000, burst: 600 }),
            joins: quota("joins_per_minute", "joins_burst", Quota { per_minute: 120, burst: 60 }),
            claims: quota("claims_per_minute", "claims_burst", Quota { per_minute: 600, burst: 120 }),
            session: quota("session_per_minute", "session_burst", Quota { per_minute: 600, burst: 120 }),
            network_connections: section.get_or("network_connections", 1_000),
            keys_max,
            unlimited: section.get("unlimited").unwrap_or_else(loopback),
        })
    }
}
