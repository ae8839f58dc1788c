//! Arguments of scripts that are many: names, which are those of the room's state, and values.
//!
//! Guarantee: a field is found by its name, so no script depends on an order that stands in a comment.

use fairgate_core::room::{Policy, SalePlan};
use redis::ScriptInvocation;

use super::script::word;

/// From so many expected fans on an index of identities has more keys: a batch of arrivals took 8 ms at 14 million otherwise.
const MANY_EXPECTED: u64 = 4_000_000;

/// Names and values.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds all of them to a call: name, value, name, value.
    pub(super) fn add_to(self, call: &mut ScriptInvocation<'_>) {
        for (name, value) in self.0 {
            call.arg(name).arg(value);
        }
    }

    /// A text, or bytes.
    pub(super) fn text(&mut self, name: impl Into<String>, value: impl AsRef<[u8]>) {
        self.0.push((name.into(), value.as_ref().to_vec()));
    }

    /// A number, or whether something is so (1 or 0).
    pub(super) fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.text(name, value.into().to_string());
    }

    /// A number, where there is one.
    pub(super) fn number_if_any(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    /// A policy, each of its names behind a prefix.
    pub(super) fn policy(&mut self, prefix: &str, policy: &Policy) {
        let mut number = |name: &str, value: u64| self.number(&format!("{prefix}{name}"), value);
        number("rate", policy.rate_per_minute.into());
        number("burst", policy.burst.into());
        number("max_active", policy.max_active);
        number("grace", policy.grace_ms);
        number("idle", policy.session_idle_ms);
        number("max", policy.session_max_ms);
        number("witness", policy.witness_ms);
        number("target", policy.target_ms);
        number("floor", policy.floor_per_minute.into());
        self.text(format!("{prefix}late_policy"), word(&policy.late));
        self.text(format!("{prefix}mode"), word(&policy.mode));
    }

    /// A plan, as it was configured.
    pub(super) fn plan(&mut self, plan: &SalePlan) {
        let descriptor = plan.descriptor();
        self.text("room", &plan.room);
        self.number("opens", plan.opens_at_ms);
        self.number("starts", plan.starts_at_ms);
        self.number_if_any("configured_ends", plan.ends_at_ms);
        self.number_if_any("round", plan.beacon.map(|beacon| beacon.round));
        self.number_if_any("fallback", plan.beacon.and_then(|beacon| beacon.fallback_after_ms));
        self.text("secret", plan.secret);
        self.text("commitment", descriptor.commitment);
        self.text("descriptor", descriptor.text);
        self.text("digest", descriptor.digest);
        if let Some(rules) = &plan.rules {
            self.number("tiers", rules.tiers.len() as u64);
            self.number("asks", rules.asks_identity());
            self.number("who", index_keys(rules.expected));
            self.text("rules", serde_json::to_vec(rules).expect("rules have no type that JSON cannot write"));
        }
        self.number("configured_version", plan.config_version);
        self.policy("configured_", &plan.policy);
    }
}

/// How many keys the index of identities has: a key is read and written whole, so that more fans need more of them.
fn index_keys(expected: u64) -> u64 {
    if expected < MANY_EXPECTED { 1 << 16 } else { 1 << 18 }
}
