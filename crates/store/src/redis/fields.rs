//! Arguments of scripts that are many: names, which are those of the room's state, and values.
//!
//! Guarantee: a field is found by its name, so no script depends on an order that stands in a comment.

use fairgate_core::room::{Plan, Policy};
use redis::ScriptInvocation;

use super::script::word;

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
    pub(super) fn plan(&mut self, plan: &Plan) {
        let descriptor = plan.descriptor();
        self.text("room", &plan.room);
        self.number("opens", plan.opens_at_ms);
        self.number("starts", plan.starts_at_ms);
        self.number_if_any("configured_ends", plan.ends_at_ms);
        self.number_if_any("round", plan.beacon.map(|beacon| beacon.round));
        self.number_if_any("fallback", plan.beacon.and_then(|beacon| beacon.fallback_after_ms));
        self.text("secret", plan.secret);
        self.text("commitment", descriptor.commitment);
        self.text("descriptor", descriptor.canonical_json());
        self.text("digest", descriptor.digest());
        self.number("configured_version", plan.config_version);
        self.policy("configured_", &plan.policy);
    }
}
