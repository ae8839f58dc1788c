//! How a room goes from one sale to the next, decided at each heartbeat. Pure.
//!
//! Guarantees:
//! - the next sale is that of the configuration and the time, so every edge finds the same one, also after a restart
//! - nobody who is inside is sent out for it before the next pool is about to open
//! - what was prepared for a sale and shown stands, unless the configuration has another draw for it

use fairgate_core::room::{DrawRecord, Phase, PreparedDraw, SalePlan, View};
use fairgate_store::KeptNext;

use crate::config::{AfterEnd, RoomConfig, SaleConfig};

/// A room stays with a sale that is over for so long at least: an end that was set by mistake can be taken back, and all
/// claims become public.
const LINGER_MS: u64 = 5 * 60_000;
/// A room has gone on to its next sale so long before that one's pool opens, whoever is still inside.
const LEAD_MS: u64 = 10_000;

/// A sale that is still to begin, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextSale {
    /// When its pool opens, Unix ms.
    pub opens_at_ms: u64,
    /// Its draw, and the start of the sale.
    pub starts_at_ms: u64,
    /// Its end, where this edge knows it.
    pub ends_at_ms: Option<u64>,
    /// What its draw is committed to; none until it is prepared.
    pub draw: Option<DrawRecord>,
}

/// What is to be done about the draw of the next sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Preparation {
    /// What is kept stands.
    Stands,
    /// This one is to be kept instead: it was lost, or was prepared before.
    PutBack(PreparedDraw),
    /// There is none.
    Fresh,
}

/// What is to be done, where a plan is that of the next sale. `may_replace`: this edge has not prepared one for it yet. So edges
/// whose files differ do not replace each other's for ever.
pub(crate) fn preparation(plan: &SalePlan, kept: &KeptNext, may_replace: bool) -> Preparation {
    let own = kept.own.as_ref().filter(|own| own.is_of(plan));
    match &kept.kept {
        Some(shared) if shared.is_of(plan) => match own.filter(|own| own.goes_before(shared)) {
            Some(own) => Preparation::PutBack(own.clone()),
            None => Preparation::Stands,
        },
        Some(shared) if shared.is_newer_than(plan) || !may_replace => Preparation::Stands,
        _ => own.cloned().map_or(Preparation::Fresh, Preparation::PutBack),
    }
}

/// The sale that an edge schedules when it starts; none where the room goes on by itself. `view`: how the room stands, where
/// anybody has scheduled it.
pub(crate) fn sale_at_start<'c>(config: &'c RoomConfig, view: Option<&View>, now_ms: u64) -> Option<&'c SaleConfig> {
    let Some(view) = view else { return config.sale_at(now_ms) };
    let known = config.sale_of(view.opens_at_ms, view.starts_at_ms);
    let goes_on = view.phase == Phase::Ended
        && config.sales.len() > 1
        && config.sale_after(view.starts_at_ms, view.now_ms).is_some();
    match known {
        Some(known) => Some(known),
        // The file does not have the sale any more that is over: the heartbeat begins the next one in its time.
        None if goes_on => None,
        None => config.sale_at(now_ms),
    }
}

/// The sale that follows the one that a room has, as configured. A file with one sale says nothing of a next one while another
/// goes on, which is the same sale at other times.
pub(crate) fn sale_after<'c>(config: &'c RoomConfig, view: &View) -> Option<&'c SaleConfig> {
    if config.sales.len() < 2 && view.phase != Phase::Ended {
        return None;
    }
    config.sale_after(view.starts_at_ms, view.now_ms)
}

/// When the next sale has begun at the latest.
pub(crate) fn latest_ms(view: &View, next: &SaleConfig) -> u64 {
    let gap_ms = next.opens_at_ms.saturating_sub(view.ends_at_ms.unwrap_or(view.now_ms));
    next.opens_at_ms - LEAD_MS.min(gap_ms / 2)
}

/// True if the next sale begins now. `is_kept`: the draw of this one is kept on this edge's disk.
pub(crate) fn is_due(view: &View, next: &SaleConfig, after_end: AfterEnd, is_kept: bool) -> bool {
    if view.phase != Phase::Ended || view.mending {
        return false;
    }
    let ended_at_ms = view.ends_at_ms.unwrap_or(view.now_ms);
    // A disk that takes nothing does not hold the room up.
    let linger_ms = if is_kept { LINGER_MS } else { 2 * LINGER_MS };
    // Where the shop is open after a sale, it stays so until the next one is about to begin.
    let is_quiet = after_end == AfterEnd::Closed && view.active == 0 && view.now_ms >= ended_at_ms + linger_ms;
    is_quiet || view.now_ms >= latest_ms(view, next)
}

/// What is shown of the next sale: the one that is kept if it is still to begin, and otherwise the one that is configured.
pub(crate) fn shown(config: &RoomConfig, view: &View, kept: Option<&PreparedDraw>) -> Option<NextSale> {
    let ends_at_ms =
        |opens_at_ms, starts_at_ms| config.sale_of(opens_at_ms, starts_at_ms).and_then(|sale| sale.ends_at_ms);
    let announced = kept.and_then(PreparedDraw::announced);
    match announced.filter(|announced| announced.starts_at_ms > view.starts_at_ms) {
        Some(announced) => Some(NextSale {
            opens_at_ms: announced.opens_at_ms,
            starts_at_ms: announced.starts_at_ms,
            ends_at_ms: ends_at_ms(announced.opens_at_ms, announced.starts_at_ms),
            draw: Some(announced.draw),
        }),
        None => sale_after(config, view).map(|sale| NextSale {
            opens_at_ms: sale.opens_at_ms,
            starts_at_ms: sale.starts_at_ms,
            ends_at_ms: sale.ends_at_ms,
            draw: None,
        }),
    }
}
