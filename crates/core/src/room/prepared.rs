//! The draw of a sale that is still to begin: what it is committed to is public while the sale before it runs.
//!
//! Guarantees:
//! - a secret serves the one descriptor that it was made for; a plan with another one gets another secret
//! - of two that were prepared for the same sale the earlier one stands, since fans may have seen it

use std::fmt;

use fairgate_draw::{Descriptor, v2};
use serde::{Deserialize, Serialize};

use super::{DrawRecord, SalePlan};

/// The draw of a sale that is still to begin.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedDraw {
    prepared_at_ms: u64,
    config_version: u64,
    secret: [u8; 32],
    descriptor: String,
}

impl PreparedDraw {
    /// The draw of a plan, which has a secret that nothing else was committed to with; prepared at a time, Unix ms.
    #[must_use]
    pub fn new(plan: &SalePlan, prepared_at_ms: u64) -> Self {
        Self {
            prepared_at_ms,
            config_version: plan.config_version,
            secret: plan.secret,
            descriptor: plan.descriptor().text,
        }
    }

    /// The plan with this draw's secret; none where the plan would draw by another descriptor.
    #[must_use]
    pub fn plan(&self, plan: &SalePlan) -> Option<SalePlan> {
        let plan = SalePlan { secret: self.secret, ..plan.clone() };
        (plan.descriptor().text == self.descriptor).then_some(plan)
    }

    /// True if this is the draw of a plan, whatever secret the plan has.
    #[must_use]
    pub fn is_of(&self, plan: &SalePlan) -> bool {
        self.plan(plan).is_some()
    }

    /// True if this one stands where another was prepared for the same sale.
    #[must_use]
    pub fn goes_before(&self, other: &Self) -> bool {
        (self.prepared_at_ms, &self.descriptor) < (other.prepared_at_ms, &other.descriptor)
    }

    /// True if it was prepared by a newer configuration than a plan is of.
    #[must_use]
    pub fn is_newer_than(&self, plan: &SalePlan) -> bool {
        self.config_version > plan.config_version
    }

    /// What is public of it; none where its descriptor is of a version that this program does not know.
    #[must_use]
    pub fn announced(&self) -> Option<Announced> {
        let (digest, commitment, opens_at_ms, starts_at_ms) = match Descriptor::parse(&self.descriptor) {
            Ok(known) => (known.digest(), known.commitment, known.opens_at_ms, known.starts_at_ms),
            Err(_) => {
                let known = v2::Descriptor::parse(&self.descriptor).ok()?;
                (known.digest(), known.commitment, known.opens_at_ms, known.starts_at_ms)
            }
        };
        let draw = DrawRecord::announced(self.descriptor.clone(), digest, commitment);
        Some(Announced { opens_at_ms, starts_at_ms, draw })
    }
}

impl DrawRecord {
    /// A draw of which nothing but the descriptor is public: RFC 8785 canonical JSON, its digest, and the commitment in it.
    #[must_use]
    pub fn announced(descriptor: String, descriptor_digest: [u8; 32], commitment: [u8; 32]) -> Self {
        Self {
            descriptor,
            descriptor_digest,
            commitment,
            entries: None,
            root: None,
            tiers: None,
            missing: None,
            left_out: None,
            frozen_at_ms: None,
            secret: None,
            beacon: None,
            beacon_signature: None,
            seed: None,
            revealed_at_ms: None,
        }
    }
}

/// What is public of a sale that is still to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// When its pool opens, Unix ms.
    pub opens_at_ms: u64,
    /// When its draw happens, Unix ms.
    pub starts_at_ms: u64,
    /// Its draw, of which nothing but the descriptor is known.
    pub draw: DrawRecord,
}

impl fmt::Debug for PreparedDraw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The secret is nobody's yet.
        let Self { prepared_at_ms, config_version, descriptor, .. } = self;
        let mut shown = formatter.debug_struct("PreparedDraw");
        shown.field("prepared_at_ms", prepared_at_ms).field("config_version", config_version);
        shown.field("descriptor", descriptor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use fairgate_draw::v2::{Method, Methods, Tier, Tiers};

    use super::*;
    use crate::room::tests::policy;
    use crate::room::{Command, Phase, Room, Rules};

    fn plan(opens_at_ms: u64, secret: u8) -> SalePlan {
        SalePlan {
            room: "arena".into(),
            opens_at_ms,
            starts_at_ms: opens_at_ms + 60_000,
            ends_at_ms: Some(opens_at_ms + 120_000),
            beacon: None,
            secret: [secret; 32],
            config_version: 3,
            policy: policy(),
            rules: None,
        }
    }

    #[test]
    fn what_is_announced_is_what_the_sale_draws_by() {
        let (first, next) = (plan(1_000, 1), plan(500_000, 2));
        let prepared = PreparedDraw::new(&next, 7);
        let announced = prepared.announced().unwrap();
        assert_eq!((announced.opens_at_ms, announced.starts_at_ms), (500_000, 560_000));
        let mut room = Room::default();
        room.apply(&Command::Schedule(first), 0).unwrap();
        // An edge that begins it has no secret but the one that was prepared.
        let begun = prepared.plan(&SalePlan { secret: [0; 32], ..next }).unwrap();
        room.apply(&Command::Schedule(begun), 200_000).unwrap();
        let view = room.view().unwrap();
        assert_eq!((view.phase, room.generation()), (Phase::Idle, 2));
        assert_eq!(view.draw, announced.draw);
        assert!(!format!("{prepared:?}").contains("secret"), "{prepared:?}");
    }

    #[test]
    fn a_secret_serves_one_descriptor() {
        let prepared = PreparedDraw::new(&plan(500_000, 2), 7);
        assert!(prepared.is_of(&plan(500_000, 9)), "whatever secret the plan has");
        assert!(prepared.is_of(&SalePlan { ends_at_ms: None, ..plan(500_000, 9) }), "the end is not committed to");
        assert!(!prepared.is_of(&plan(500_001, 2)));
        assert!(prepared.is_newer_than(&SalePlan { config_version: 2, ..plan(500_000, 2) }));
        assert!(!prepared.is_newer_than(&plan(500_000, 2)));
    }

    #[test]
    fn a_draw_with_tiers_is_announced_by_its_own_descriptor() {
        let tier = Tier { band: 0, name: "members".into(), share: 1 };
        let rules = Rules {
            identity: Methods::new(vec![Method::mail()]).unwrap(),
            tiers: Tiers::new(vec![tier]).unwrap(),
            retry: None,
            expected: 0,
        };
        let next = SalePlan { rules: Some(Box::new(rules)), ..plan(500_000, 2) };
        let (announced, committed) = (PreparedDraw::new(&next, 7).announced().unwrap(), next.descriptor());
        assert_eq!((announced.opens_at_ms, announced.draw.descriptor_digest), (500_000, committed.digest));
        assert_eq!(announced.draw.commitment, committed.commitment);
        assert!(!PreparedDraw::new(&plan(500_000, 2), 7).is_of(&next), "other rules, another draw");
    }

    #[test]
    fn of_two_for_one_sale_the_earlier_one_stands() {
        let [one, other, later] = [(2, 7), (3, 7), (4, 8)].map(|(secret, at)| PreparedDraw::new(&plan(1, secret), at));
        assert!(one.goes_before(&later) && !later.goes_before(&one) && !one.goes_before(&one));
        assert!(one.goes_before(&other) != other.goes_before(&one), "one of them, whoever asks");
    }
}
