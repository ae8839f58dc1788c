//! What a desk decides at a claim: who has to show more first, and how a lost key is made up for.
//!
//! Guarantees:
//! - what is owed is judged again at each claim, since a farm shows itself after it has joined
//! - a decision of an organizer counts before any other
//! - the same refusal has the same reference, on every edge

use fairgate_entry::binding::{DeviceSessions, ProofNonces};
use fairgate_entry::bond::Bond;
use fairgate_entry::book::{Asking, Refusal, Verdict};
use fairgate_entry::heat::NetworkTag;
use fairgate_entry::join::owed;
use fairgate_entry::policy::{Binding, WayKind};
use fairgate_entry::reference::Reference;
use fairgate_entry::score::{Facts, Owed, Score, Signal};
use fairgate_entry::voucher::{Bound, Voucher};
use fairgate_entry::way::{Reason, WayName};
use fairgate_token::Terms;

use super::desk::{Desk, Moment};
use crate::edge::http::entry_problem::ProveOtherwise;

/// The reason of a claim that comes from another network than its ticket.
const ELSEWHERE: &str = "other-network";

/// What a claim comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owing {
    /// Nothing is asked.
    Nothing,
    /// What was asked for is settled.
    Settled,
    /// Something is owed.
    Due(Due),
    /// An organizer does not let the position in.
    Refused(Reference),
}

/// What somebody owes at a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// One of these settles it.
    pub(crate) ways: Vec<WayName>,
    /// Why, as the organizer tells it.
    pub(crate) reasons: Vec<String>,
    /// What an organizer finds the reason by.
    pub(crate) reference: Reference,
}

/// The bond of a ticket's claim: the first half of its entry, which is known by then.
pub(crate) fn claim_bond(entry: &[u8; 32]) -> Bond {
    Bond::from_bytes(std::array::from_fn(|index| entry[index]))
}

impl Desk {
    /// Sessions that browsers keep alive by themselves.
    pub(crate) fn device_sessions(&self, draw: &[u8; 32]) -> DeviceSessions {
        DeviceSessions::new(self.proofs.clone(), *draw)
    }

    /// What dates the proofs of keys in a draw.
    pub(crate) fn proof_nonces(&self, draw: &[u8; 32]) -> ProofNonces {
        ProofNonces::new(self.proofs.clone(), *draw)
    }

    /// Ways that show who somebody is whose key is lost: those whose identity ends in a voucher.
    pub(crate) fn ways_to_prove_otherwise(&self) -> Vec<WayName> {
        let is_signed_in = |way: &&WayName| {
            matches!(self.policy.kind(way), Some(WayKind::Mail | WayKind::Oidc { .. } | WayKind::Shop))
        };
        self.policy.identity().filter(is_signed_in).cloned().collect()
    }

    /// What is asked of a claim whose key is lost, at this tier and index.
    pub(crate) fn prove_otherwise(
        &self,
        draw: &[u8; 32],
        position: (u8, u64),
        ways: Vec<WayName>,
        now_ms: u64,
    ) -> ProveOtherwise {
        let reference = Reference::of(&self.references, draw, position, b"", Reason::ProveOtherwise);
        self.notes.begin(draw);
        let refusal = Refusal::new(reference, Some(position), Reason::ProveOtherwise, None, now_ms);
        self.keep(&refusal, || true);
        ProveOtherwise { ways, reference }
    }

    /// True if an organizer has decided that whoever shows a position's ticket is let in.
    pub(crate) fn is_let_in(&self, draw: &[u8; 32], position: (u8, u64)) -> bool {
        self.overruled.load().position(draw, position) == Some(Verdict::LetIn)
    }

    /// The tag of a network, where the claim looks at it again.
    pub(crate) fn network(&self, moment: &Moment<'_>) -> Option<NetworkTag> {
        let looks = !self.policy.suspicious().is_empty();
        looks.then(|| self.network_tag(moment))
    }

    /// The tag of the block of networks around an address, where the claim looks at it again or a ticket is bound to it.
    pub(crate) fn block(&self, moment: &Moment<'_>) -> Option<NetworkTag> {
        let looks = !self.policy.suspicious().is_empty();
        (looks || self.policy.binding == Binding::Network).then(|| self.load.block_tag(moment.draw, moment.address))
    }

    /// True if the organizer says that many people share the address.
    pub(crate) fn is_shared(&self, moment: &Moment<'_>) -> bool {
        self.table.of(moment.address).is_shared
    }

    /// True if a ticket is bound to another block of networks than its claim comes from.
    fn is_from_elsewhere(&self, terms: &Terms, moment: &Moment<'_>) -> bool {
        let own = terms.block.as_deref().and_then(NetworkTag::from_hex);
        let is_bound = self.policy.binding == Binding::Network;
        is_bound && own.zip(self.block(moment)).is_some_and(|(own, now)| own != now)
    }

    /// What a claim comes to, and notes it. `position` is tier and index, and `terms` is what the ticket says.
    pub(crate) fn owing(&self, terms: &Terms, position: (u8, u64), vouchers: &[&str], moment: &Moment<'_>) -> Owing {
        let decision = self.overruled.load().position(moment.draw, position);
        if decision == Some(Verdict::Refuse) {
            let reference = Reference::of(&self.references, moment.draw, position, b"", Reason::Overruled);
            return Owing::Refused(reference);
        }
        let owing = self.judge_claim(terms, position, vouchers, moment);
        self.notes.begin(moment.draw);
        match (owing, decision) {
            (Owing::Due(_), Some(Verdict::LetIn)) => {
                self.notes.asked(Asking::Excused, position);
                Owing::Nothing
            }
            (owing @ Owing::Due(_), _) => {
                self.notes.asked(Asking::Asked, position);
                owing
            }
            (Owing::Settled, _) => {
                self.notes.asked(Asking::Shown, position);
                Owing::Settled
            }
            (owing, _) => owing,
        }
    }

    /// What is known by now of the network that a ticket's entry was made from.
    fn facts_of_network(&self, terms: &Terms, moment: &Moment<'_>) -> Facts {
        let tag = |text: &Option<String>| text.as_deref().and_then(NetworkTag::from_hex);
        let (network, block) = (tag(&terms.network), tag(&terms.block));
        Facts {
            address: network.map(|tag| self.load.crowding_of(moment.draw, &tag, moment.now_ms).draw),
            block: block.map(|tag| self.load.crowding_of_block(moment.draw, &tag, moment.now_ms)),
            is_shared: terms.is_shared,
            is_regular: network.is_some_and(|tag| self.load.is_regular(moment.draw, &tag)),
            ..Facts::default()
        }
    }

    /// What a claim owes first.
    fn judge_claim(&self, terms: &Terms, (tier, index): (u8, u64), vouchers: &[&str], moment: &Moment<'_>) -> Owing {
        let open = |text: &&str| self.vouchers.open(text, &self.room, moment.now_ms).ok();
        let shown: Vec<Voucher> = vouchers.iter().filter_map(open).collect();
        let position = Bound::Position { tier, index };
        let known = |names: &[String]| -> Vec<WayName> {
            names.iter().filter_map(|name| WayName::new(name).ok()).filter(|way| self.names(way)).collect()
        };
        let score = Score::of(&self.facts_of_network(terms, moment), self.load.free());
        let is_from_elsewhere = self.is_from_elsewhere(terms, moment);
        let suspicious = if is_from_elsewhere { self.policy.suspicious().to_vec() } else { Vec::new() };
        let was_odd = Some(known(&terms.owes)).filter(|ways| !ways.is_empty()).unwrap_or(suspicious);
        let later = known(&terms.later);
        let mut all = owed(&self.policy, &score, &later, &shown, &position);
        let is_settled = |ways: &[WayName]| {
            ways.iter().any(|way| shown.iter().any(|voucher| voucher.way == *way && voucher.is_for(&position)))
        };
        if !was_odd.is_empty() && !is_settled(&was_odd) && !all.iter().any(|due| due.reason == Reason::Owes) {
            all.push(Owed { ways: was_odd.clone(), reason: Reason::Owes, signals: Vec::new() });
        }
        let Some(Owed { ways, reason, signals }) = all.into_iter().next() else {
            let is_odd_now = score.is_suspicious(self.policy.suspicious_at) && !self.policy.suspicious().is_empty();
            let is_asked = is_odd_now || !was_odd.is_empty() || !later.is_empty() || !self.policy.claim().is_empty();
            return if is_asked { Owing::Settled } else { Owing::Nothing };
        };
        let why = if reason == Reason::Owes { &terms.why[..] } else { &[] };
        let mut reasons: Vec<String> = signals.iter().map(|signal| signal.as_str().to_owned()).collect();
        reasons.extend((is_from_elsewhere && reason == Reason::Owes).then(|| ELSEWHERE.to_owned()));
        reasons.extend(why.iter().filter(|why| !signals.iter().any(|signal| signal.as_str() == **why)).cloned());
        let reference = Reference::of(&self.references, moment.draw, (tier, index), b"", reason);
        let kind = ways.first().and_then(|way| self.policy.kind(way));
        let mut refusal = Refusal::new(reference, Some((tier, index)), reason, kind, moment.now_ms).with_score(&score);
        // What the ticket knew is told without points: those of the join are not kept.
        let of_join = Signal::ALL.iter().filter(|signal| why.iter().any(|why| why == signal.as_str()));
        for signal in of_join {
            if !refusal.points.iter().any(|(own, _)| own == signal) {
                refusal.points.push((*signal, 1));
            }
        }
        self.keep(&refusal, || true);
        Owing::Due(Due { ways, reasons, reference })
    }
}
