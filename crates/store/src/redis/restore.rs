//! Knowledge as the arguments of `lua/restore.lua`: names and values as the room's state has them.

use fairgate_core::recovery::Knowledge;
use fairgate_core::room::{Memory, Policy, Session};
use redis::ScriptInvocation;

use super::script::word;

/// Names and values.
#[derive(Default)]
struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    fn text(&mut self, name: impl Into<String>, value: impl AsRef<[u8]>) {
        self.0.push((name.into(), value.as_ref().to_vec()));
    }

    fn number(&mut self, name: &str, value: impl Into<u64>) {
        self.text(name, value.into().to_string());
    }

    fn number_if_any(&mut self, name: &str, value: Option<impl Into<u64>>) {
        if let Some(value) = value {
            self.number(name, value);
        }
    }

    fn policy(&mut self, prefix: &str, policy: &Policy) {
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

    fn sale(&mut self, memory: &Memory) {
        let (plan, descriptor) = (&memory.plan, memory.plan.descriptor());
        self.number("now", memory.now_ms);
        self.number("revision", memory.revision);
        self.number("generation", memory.generation);
        self.number("scheduled", memory.scheduled_at_ms);
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

    fn settings(&mut self, memory: &Memory) {
        let settings = &memory.settings;
        self.number("settings", settings.version);
        self.policy("", &settings.policy);
        self.number_if_any("ends", settings.ends_at_ms);
        self.number("paused", settings.paused);
        self.number("draining", settings.draining);
        self.number("sold_out", settings.sold_out);
        self.number("out_of_stock", settings.out_of_stock);
        if let Some(message) = &settings.message {
            self.text("message", message);
        }
        if let Some((ramp, began_at_ms)) = settings.ramp {
            self.number("ramp_from", ramp.from_per_minute);
            self.number("ramp_to", ramp.to_per_minute);
            self.number("ramp_over", ramp.over_ms);
            self.number("ramp_at", began_at_ms);
        }
    }

    fn draw(&mut self, memory: &Memory) {
        if let Some(frozen) = &memory.frozen {
            self.text("root", frozen.root);
            self.number("frozen_missing", frozen.missing);
            self.number("frozen_at", frozen.at_ms);
            self.number("frozen_left", frozen.left_out);
        }
        if let Some(revealed) = &memory.revealed {
            self.text("seed", revealed.seed);
            self.number("revealed_at", revealed.at_ms);
            if let Some(beacon) = &revealed.beacon {
                self.text("signature", beacon.signature.0);
                self.text("beacon", beacon.randomness);
            }
        }
    }

    fn line(&mut self, memory: &Memory) {
        self.number("early", memory.early);
        self.number("late", memory.late);
        self.number("pool_is_closed", memory.pool_is_closed);
        self.number("serving", memory.serving);
        self.number("lapsed", memory.lapsed);
        self.number("admitted", memory.admitted);
        self.number("expired", memory.expired);
        self.number("honoured", memory.honoured);
        self.number("left", memory.left);
        self.number("let_in", memory.let_in);
    }
}

/// Adds what an edge knows to a call, with some of the places that are gone (from which byte on, and the bits), and with some of the sessions that ended early and of those that did not.
pub(super) fn add(
    call: &mut ScriptInvocation<'_>,
    edge: &str,
    knowledge: &Knowledge,
    (gone_from, gone): (usize, &[u8]),
    closed: &[(u64, u64)],
    sessions: &[(u64, Session)],
) {
    let mut fields = Fields::default();
    fields.text("edge", edge);
    if let Some(memory) = &knowledge.memory {
        fields.sale(memory);
        fields.settings(memory);
        fields.draw(memory);
        fields.line(memory);
    }
    if let Some(frozen_in) = &knowledge.frozen_in {
        fields.text("frozen_in", frozen_in);
    }
    call.arg(gone).arg(gone_from).arg(fields.0.len());
    for (name, value) in fields.0 {
        call.arg(name).arg(value);
    }
    call.arg(sessions.len());
    for (place, session) in sessions {
        call.arg(*place).arg(session.admitted_at_ms).arg(session.expires_at_ms).arg(session.hard_end_at_ms);
    }
    for (place, until_ms) in closed {
        call.arg(*place).arg(*until_ms);
    }
}
