//! A join's decision: what was shown, what is missing, and who enters.
//!
//! Guarantees:
//! - the cheap checks stand first, and a refusal ends it
//! - what is slow is never judged here
//! - a person who shows several identities has one entry, by the first method of the room's list, and whatever else
//!   is known of them is looked up, never entered

use std::fmt;
use std::sync::Arc;

use fairgate_draw::v2::Identity;

use crate::bond::Bond;
use crate::code::Code;
use crate::policy::{EntryPolicy, WayKind};
use crate::score::{Owed, Score};
use crate::shop::shop_hearsay;
use crate::voucher::{Bound, Voucher, VoucherKey, voucher_id};
use crate::way::{Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// Most vouchers that are shown at once.
pub const VOUCHERS_MAX: usize = 3;

/// What a join shows.
#[derive(Clone, Default)]
pub struct Show<'a> {
    /// Solved puzzles: epoch and solutions.
    pub work: Option<(u32, &'a str)>,
    /// A note that lets somebody wait instead.
    pub wait: Option<&'a str>,
    /// A code, as typed.
    pub code: Option<&'a str>,
    /// A shop's token.
    pub shop: Option<&'a str>,
    /// Vouchers, by cookie or member; those after [`VOUCHERS_MAX`] are not looked at.
    pub vouchers: Vec<&'a str>,
}

impl fmt::Debug for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Show(..)")
    }
}

impl Show<'_> {
    /// The bond of this join: of the code as normalised, else the shop's token, else the first voucher that is for its
    /// holder, else of nothing.
    ///
    /// `identities` are the texts of vouchers for their holder, in the order in which they were shown.
    #[must_use]
    pub fn bond(&self, nonce: &[u8; 16], identities: &[&str]) -> Bond {
        if let Some(typed) = self.code {
            let code = Code::read(typed);
            // A text that is no code is refused by its way; until then it is its own credential.
            return Bond::of(nonce, code.as_ref().map_or(typed, Code::as_str).as_bytes());
        }
        match (self.shop, identities.first()) {
            (Some(token), _) => Bond::of(nonce, token.as_bytes()),
            (None, Some(voucher)) => Bond::of(nonce, voucher_id(voucher).as_bytes()),
            (None, None) => Bond::of(nonce, b""),
        }
    }
}

/// The ways of a room, ready to judge.
#[derive(Clone, Debug, Default)]
pub struct Ways(Vec<Arc<dyn Way>>);

impl Ways {
    /// These ways. Those of sign-ins have none: they end in vouchers.
    #[must_use]
    pub fn new(ways: Vec<Arc<dyn Way>>) -> Self {
        Self(ways)
    }

    /// The way of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Way>> {
        self.0.iter().find(|way| way.name().as_str() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Way>> {
        self.0.iter()
    }
}

/// What a join comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Shown, and not good.
    Refused {
        /// By which way.
        way: WayName,
        /// Why.
        reason: Reason,
    },
    /// Work is shown, and there is too little of it: nothing else is missing.
    More(Ask),
    /// Something is missing.
    Required(Required),
    /// The person enters.
    Enters(Entrant),
}

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// One of these, where none was shown; empty otherwise.
    pub any_of: Vec<WayName>,
    /// Ways of `all_of` that were not shown.
    pub missing: Vec<WayName>,
}

impl Required {
    /// Whether nothing is missing any more once this way is shown.
    #[must_use]
    pub fn is_met_by(&self, way: &WayName) -> bool {
        let is_any = self.any_of.is_empty() || self.any_of.contains(way);
        is_any && self.missing.iter().all(|missing| missing == way)
    }
}

/// Who enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// Whose entry it is: a subject for each entry that the identity is good for; empty in a room without identities.
    pub identities: Vec<Identity>,
    /// What else is known of the person in this room: looked up, never entered.
    pub others: Vec<Identity>,
    /// The best tier that was shown; `None` for the last.
    pub tier: Option<u8>,
    /// The ways that were shown, for the counts.
    pub by: Vec<WayName>,
    /// Ways that stood for others and are asked for at the claim.
    pub deferred: Vec<WayName>,
}

/// Everything that a join is judged by, beside the scene.
#[derive(Debug)]
pub struct Judge<'j> {
    /// What the room asks.
    pub policy: &'j EntryPolicy,
    /// The room's ways.
    pub ways: &'j Ways,
    /// What opens vouchers.
    pub vouchers: &'j VoucherKey,
    /// Ways that cannot be asked for now, and are asked for at the claim instead: `on_failure = "later"`.
    pub deferred: &'j [WayName],
    /// Ways that cannot be asked for now, and count as shown: `on_failure = "pass"`.
    pub excused: &'j [WayName],
    /// Ways that an organizer lets this entry pass, and as whom: what is shown by them is not judged.
    pub overruled: &'j [(WayName, Person)],
}

impl Judge<'_> {
    /// The vouchers that are ours, of this room, and not over; with the text of each. Others are passed over, for a
    /// browser keeps old ones.
    #[must_use]
    pub fn open<'a>(&self, show: &Show<'a>, room: &str, now_ms: u64) -> Vec<(&'a str, Voucher)> {
        let shown = show.vouchers.iter().take(VOUCHERS_MAX);
        shown.filter_map(|text| Some((*text, self.vouchers.open(text, room, now_ms).ok()?))).collect()
    }

    /// Decides about a join. `nonce` is v, and the scene's bond is made here.
    #[must_use]
    pub fn join(&self, show: &Show<'_>, nonce: &[u8; 16], scene: &Scene<'_>) -> Joined {
        let opened = self.open(show, scene.room, scene.now_ms);
        let bond = bond(show, nonce, &opened);
        let scene = Scene { bond, ..*scene };
        let is_for_this = |voucher: &Voucher| voucher.is_for(&Bound::Entry(bond));
        let good = opened.into_iter().map(|(_, voucher)| voucher).filter(is_for_this);
        let mut shown: Vec<(WayName, Person)> = good.map(|voucher| (voucher.way, voucher.person)).collect();
        shown.extend(self.overruled.iter().cloned());
        let mut more = None;
        for (name, what) in self.cheap(show) {
            let is_passed = self.overruled.iter().any(|(own, _)| own.as_str() == name);
            let way = self.ways.find(&name).filter(|way| way.is_judged_at_join() && !is_passed);
            let Some(way) = way else { continue };
            match way.judge(&what, &scene) {
                Judgement::Shown(person) => shown.push((way.name().clone(), person)),
                Judgement::Refused(reason) => return Joined::Refused { way: way.name().clone(), reason },
                Judgement::More(ask @ Ask::Work { .. }) => more = Some((way.name().clone(), ask)),
                Judgement::More(_) | Judgement::Errand(_) => {}
            }
        }
        match (self.decide(shown), more) {
            (Joined::Required(required), Some((work, ask))) if required.is_met_by(&work) => Joined::More(ask),
            (joined, _) => joined,
        }
    }

    /// What is judged at a join and by which way, the cheapest first.
    fn cheap<'a>(&self, show: &Show<'a>) -> Vec<(String, Shown<'a>)> {
        let code = self.named(|kind| matches!(kind, WayKind::Code { .. }));
        let shop = show.shop.and_then(|token| self.shop_of(token));
        let wait = self.ways.find(WayName::WAIT).map(|way| way.name().to_string());
        let all = [
            code.zip(show.code.map(Shown::Code)),
            shop.zip(show.shop.map(Shown::Shop)),
            self.named(|kind| *kind == WayKind::Work)
                .zip(show.work.map(|(epoch, solutions)| Shown::Work { epoch, solutions })),
            wait.zip(show.wait.map(Shown::Wait)),
        ];
        all.into_iter().flatten().collect()
    }

    fn named(&self, is: impl Fn(&WayKind) -> bool) -> Option<String> {
        let of = |way: &&Arc<dyn Way>| self.policy.kind(way.name()).is_some_and(&is);
        self.ways.iter().find(of).map(|way| way.name().to_string())
    }

    /// The shop that a token says it is from; the only one where there is one, so that its refusal is told.
    fn shop_of(&self, token: &str) -> Option<String> {
        let is_shop = |way: &&Arc<dyn Way>| self.policy.kind(way.name()) == Some(&WayKind::Shop);
        let shops: Vec<_> = self.ways.iter().filter(is_shop).collect();
        let hearsay = shop_hearsay(token);
        let named = shops.iter().find(|way| way.issuer().is_some() && way.issuer() == hearsay.as_deref());
        named.or(shops.first()).map(|way| way.name().to_string())
    }

    fn decide(&self, shown: Vec<(WayName, Person)>) -> Joined {
        let is_shown = |name: &WayName| {
            let is_work = self.policy.kind(name) == Some(&WayKind::Work);
            let has = |own: &WayName| own == name || (is_work && own.as_str() == WayName::WAIT);
            shown.iter().any(|(own, _)| has(own))
        };
        let is_excused = |name: &WayName| self.excused.contains(name) || self.deferred.contains(name);
        let counts = |name: &&WayName| is_shown(name) || is_excused(name);
        let missing: Vec<WayName> = self.policy.all_of().iter().filter(|name| !counts(name)).cloned().collect();
        let any_of = self.policy.any_of();
        let lacks_any = !any_of.is_empty() && !any_of.iter().any(|name| counts(&name));
        if lacks_any || !missing.is_empty() {
            let any_of = if lacks_any { any_of.to_vec() } else { Vec::new() };
            return Joined::Required(Required { any_of, missing });
        }
        let (identities, others) = match self.identities(&shown) {
            Ok(identities) => identities,
            Err(required) => return Joined::Required(required),
        };
        let stood_in = |name: &&WayName| self.deferred.contains(name) && !is_shown(name);
        let any_is_shown = any_of.iter().any(|name| is_shown(name) || self.excused.contains(name));
        // One of them is enough at the claim, too.
        let deferred_any = any_of.iter().filter(|name| !any_is_shown && stood_in(name)).take(1);
        let deferred = self.policy.all_of().iter().filter(stood_in).chain(deferred_any).cloned().collect();
        Joined::Enters(Entrant {
            identities,
            others,
            tier: shown.iter().filter_map(|(_, person)| person.tier).min(),
            by: shown.into_iter().map(|(name, _)| name).collect(),
            deferred,
        })
    }

    /// Whose entry it is, and who else the person is in this room.
    fn identities(&self, shown: &[(WayName, Person)]) -> Result<(Vec<Identity>, Vec<Identity>), Required> {
        let of = |name: &WayName| shown.iter().find(|(own, _)| own == name).map(|(_, person)| person);
        let mut persons = self.policy.identity().filter_map(of).filter(|person| person.identity.is_some());
        let Some(first) = persons.next() else {
            let any_of: Vec<WayName> = self.policy.identity().cloned().collect();
            // Only a way that is excused can have hidden that: whoever enters here shows an identity.
            return if any_of.is_empty() {
                Ok((Vec::new(), Vec::new()))
            } else {
                Err(Required { any_of, missing: Vec::new() })
            };
        };
        let others = persons.flat_map(subjects).collect();
        Ok((subjects(first), others))
    }
}

/// The bond of a join, once its vouchers were opened.
#[must_use]
pub fn bond(show: &Show<'_>, nonce: &[u8; 16], opened: &[(&str, Voucher)]) -> Bond {
    let holders = opened.iter().filter(|(_, voucher)| voucher.bound == Bound::Holder);
    show.bond(nonce, &holders.map(|(text, _)| *text).collect::<Vec<_>>())
}

/// The subjects of a person: one for each entry that the identity is good for, in order.
#[must_use]
pub fn subjects(person: &Person) -> Vec<Identity> {
    let Some(identity) = &person.identity else { return Vec::new() };
    if person.entries <= 1 {
        return vec![identity.clone()];
    }
    let numbered = |n| Identity::new(identity.method().clone(), &format!("{}#{n}", identity.subject())).ok();
    (1..=person.entries).filter_map(numbered).collect()
}

/// What is asked at a claim; empty where nothing is.
///
/// `shown` are vouchers for their holder or for this position, `deferred` what the ticket says was put off. Ways that
/// `identity` vouchers show count as well: whoever signed in has shown that way.
#[must_use]
pub fn owed(
    policy: &EntryPolicy,
    score: &Score,
    deferred: &[WayName],
    shown: &[Voucher],
    position: &Bound,
) -> Vec<Owed> {
    let has = |name: &WayName| shown.iter().any(|voucher| voucher.way == *name && voucher.is_for(position));
    let settled = |ways: &[WayName]| ways.is_empty() || ways.iter().any(has);
    let mut owed = Vec::new();
    if !settled(policy.claim()) {
        owed.push(Owed { ways: policy.claim().to_vec(), reason: Reason::EntryRequired, signals: Vec::new() });
    }
    if score.is_suspicious(policy.suspicious_at) && !settled(policy.suspicious()) {
        let signals = score.signals().iter().map(|(signal, _)| *signal).collect();
        owed.push(Owed { ways: policy.suspicious().to_vec(), reason: Reason::Owes, signals });
    }
    for name in deferred.iter().filter(|name| !has(name)) {
        owed.push(Owed { ways: vec![name.clone()], reason: Reason::ChallengeUnavailable, signals: Vec::new() });
    }
    owed
}

#[cfg(test)]
mod tests;
