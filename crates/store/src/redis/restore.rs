//! A replica as the arguments of `lua/restore.lua`: names and values as the room's state has them.

use fairgate_core::recovery::Replica;
use fairgate_core::room::{Bound, RoomSnapshot, Session, Spot};
use redis::ScriptInvocation;

use super::fields::Fields;
use super::transition::tier_and_number;

/// Some of what an edge knows, so that one call does not take long.
#[derive(Clone, Copy, Default)]
pub(super) struct Part<'a> {
    /// Places that are gone: from which byte on, and the bits.
    pub(super) gone: (usize, &'a [u8]),
    /// Sessions that ended early.
    pub(super) closed: &'a [(u64, u64)],
    /// Positions that moved.
    pub(super) moves: &'a [(Spot, Bound)],
    /// Sessions that did not end.
    pub(super) sessions: &'a [(u64, Session)],
}

/// Adds what an edge knows to a call: all that is small, and a part of the rest.
pub(super) fn add(call: &mut ScriptInvocation<'_>, edge: &str, knowledge: &Replica, part: Part<'_>) {
    let Part { gone: (gone_from, gone), closed, moves, sessions } = part;
    let mut fields = Fields::default();
    fields.text("edge", edge);
    if let Some(memory) = &knowledge.memory {
        add_sale(&mut fields, memory);
        add_settings(&mut fields, memory);
        add_draw(&mut fields, memory);
        add_line(&mut fields, memory);
    }
    if let Some(frozen_in) = &knowledge.frozen_in {
        fields.text("frozen_in", frozen_in);
    }
    call.arg(gone).arg(gone_from).arg(fields.len());
    fields.add_to(call);
    call.arg(moves.len());
    for (at, Bound { key, moves, since_ms }) in moves {
        let (tier, number) = tier_and_number(*at);
        call.arg(format!("{tier}:{number}")).arg(&key[..]).arg(*moves).arg(*since_ms);
    }
    call.arg(sessions.len());
    for (place, session) in sessions {
        call.arg(*place).arg(session.admitted_at_ms).arg(session.expires_at_ms).arg(session.hard_end_at_ms);
    }
    for (place, until_ms) in closed {
        call.arg(*place).arg(*until_ms);
    }
}

fn add_sale(fields: &mut Fields, memory: &RoomSnapshot) {
    fields.number("now", memory.now_ms);
    fields.number("revision", memory.revision);
    fields.number("generation", memory.generation);
    fields.number("scheduled", memory.scheduled_at_ms);
    fields.plan(&memory.plan);
}

fn add_settings(fields: &mut Fields, memory: &RoomSnapshot) {
    let settings = &memory.settings;
    fields.number("settings", settings.version);
    fields.policy("", &settings.policy);
    fields.number_if_any("ends", settings.ends_at_ms);
    fields.number("paused", settings.paused);
    fields.number("draining", settings.draining);
    fields.number("sold_out", settings.sold_out);
    fields.number("out_of_stock", settings.out_of_stock);
    if let Some(message) = &settings.message {
        fields.text("message", message);
    }
    if let Some((ramp, began_at_ms)) = settings.ramp {
        fields.number("ramp_from", ramp.from_per_minute);
        fields.number("ramp_to", ramp.to_per_minute);
        fields.number("ramp_over", ramp.over_ms);
        fields.number("ramp_at", began_at_ms);
    }
}

fn add_draw(fields: &mut Fields, memory: &RoomSnapshot) {
    if let Some(frozen) = &memory.frozen {
        fields.text("root", frozen.root);
        fields.number("frozen_missing", frozen.missing);
        fields.number("frozen_at", frozen.at_ms);
        fields.number("frozen_left", frozen.left_out);
    }
    let tiers = memory.tiers.as_ref().and_then(|tiers| tiers.frozen.as_ref());
    if let Some(tiers) = tiers {
        let roots: Vec<u8> = tiers.iter().flat_map(|tier| [tier.root, tier.tags_root]).flatten().collect();
        fields.text("roots", roots);
        for (number, tier) in tiers.iter().enumerate() {
            fields.number(&format!("f{number}"), tier.missing);
        }
    }
    if let Some(revealed) = &memory.revealed {
        fields.text("seed", revealed.seed);
        fields.number("revealed_at", revealed.at_ms);
        if let Some(beacon) = &revealed.beacon {
            fields.text("signature", beacon.signature.0);
            fields.text("beacon", beacon.randomness);
        }
    }
}

fn add_line(fields: &mut Fields, memory: &RoomSnapshot) {
    fields.number("early", memory.early);
    fields.number("late", memory.late);
    fields.number("pool_is_closed", memory.pool_is_closed);
    fields.number("serving", memory.serving);
    fields.number("lapsed", memory.lapsed);
    fields.number("admitted", memory.admitted);
    fields.number("expired", memory.expired);
    fields.number("honoured", memory.honoured);
    fields.number("left", memory.left);
    fields.number("let_in", memory.let_in);
    for (tier, entries) in memory.tiers.iter().flat_map(|tiers| tiers.early.iter()).enumerate() {
        fields.number(&format!("n{tier}"), entries);
    }
}
