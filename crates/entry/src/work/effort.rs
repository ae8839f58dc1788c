//! How many tables are asked: of the whole crowd, and of one network.
//!
//! Guarantees:
//! - the crowd's effort moves by one a second, between what is configured and twice that
//! - a network's is never below the crowd's, and never above `effort_max`
//!
//! What is beyond that is a signal of suspicion, and never a wall.

/// Most tables that may be configured.
pub const EFFORT_MAX: u32 = 32;
const STEP_MS: u64 = 1000;

/// A room's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffortRules {
    /// Tables asked of everybody, 1 to [`EFFORT_MAX`].
    pub effort: u32,
    /// Most tables asked of anybody, at least `effort`.
    pub effort_max: u32,
    /// Entries an hour of one network at the crowd's effort, above the crowd's mean.
    pub free: u32,
}

impl Default for EffortRules {
    fn default() -> Self {
        Self { effort: 2, effort_max: 16, free: 60 }
    }
}

impl EffortRules {
    /// The most that is asked of the crowd: twice what is configured, and never more than of a network.
    #[must_use]
    pub fn crowd_max(&self) -> u32 {
        (2 * self.effort).min(self.effort_max).max(self.effort)
    }

    /// What is asked of a network that has made so many entries within the hour, this one not counted.
    ///
    /// `mean` is the crowd's own mean of entries a network and hour. A hall full of honest people behind one address raises
    /// it, so only what is above the mean counts. The effort is the crowd's for the first `free` of those, twice that for the
    /// next `free`, then three times, and so on.
    #[must_use]
    pub fn of_network(&self, crowd: u32, entries: u32, mean: u32) -> u32 {
        let excess = entries.saturating_sub(mean);
        let times = (excess / self.free.max(1)).saturating_add(1);
        crowd.saturating_mul(times).min(self.effort_max).max(crowd)
    }
}

/// The effort that is asked of the whole crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrowdEffort {
    tables: u32,
    moved_ms: u64,
}

impl CrowdEffort {
    /// What is configured, from this moment on, Unix ms.
    #[must_use]
    pub fn new(rules: &EffortRules, now_ms: u64) -> Self {
        Self { tables: rules.effort, moved_ms: now_ms }
    }

    /// The tables that are asked now.
    #[must_use]
    pub fn tables(&self) -> u32 {
        self.tables
    }

    /// Moves by one where a second has passed: up while more joins come than the store takes, else down. To be called a few
    /// times a second. Rules that have changed meanwhile hold at once.
    pub fn step(&mut self, rules: &EffortRules, is_overloaded: bool, now_ms: u64) {
        if now_ms.saturating_sub(self.moved_ms) >= STEP_MS {
            self.tables = if is_overloaded { self.tables + 1 } else { self.tables.saturating_sub(1) };
            self.moved_ms = now_ms;
        }
        // A clock that was set back must not hold the effort where it is.
        self.moved_ms = self.moved_ms.min(now_ms);
        self.tables = self.tables.clamp(rules.effort, rules.crowd_max());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_crowds_effort_rises_and_falls_by_one_a_second() {
        let rules = EffortRules { effort: 3, ..EffortRules::default() };
        let mut crowd = CrowdEffort::new(&rules, 10_000);
        let mut seen = Vec::new();
        for tick in 1..=40 {
            crowd.step(&rules, tick <= 20, 10_000 + 250 * tick);
            seen.push(crowd.tables());
        }
        let each_second: Vec<u32> = seen.iter().skip(3).step_by(4).copied().collect();
        assert_eq!(each_second, [4, 5, 6, 6, 6, 5, 4, 3, 3, 3]);
        assert_eq!(seen[..3], [3, 3, 3]);
    }

    #[test]
    fn a_clock_set_back_and_other_rules_hold_at_once() {
        let rules = EffortRules::default();
        let mut crowd = CrowdEffort::new(&rules, 1_000_000);
        crowd.step(&rules, true, 500_000);
        crowd.step(&rules, true, 501_000);
        assert_eq!(crowd.tables(), 3);
        crowd.step(&EffortRules { effort: 8, effort_max: 16, free: 60 }, false, 501_100);
        assert_eq!(crowd.tables(), 8);
        crowd.step(&EffortRules { effort: 1, effort_max: 1, free: 60 }, true, 501_200);
        assert_eq!(crowd.tables(), 1);
    }

    #[test]
    fn a_network_pays_for_what_is_above_the_crowds_mean() {
        let rules = EffortRules::default();
        for (entries, mean, expected) in [
            (0, 0, 2),
            (59, 0, 2),
            (60, 0, 4),
            (119, 0, 4),
            (120, 0, 6),
            (10_000, 0, 16),
            (10_000, 9_950, 2),
            (10_000, 9_900, 4),
            (u32::MAX, 0, 16),
            (0, u32::MAX, 2),
        ] {
            assert_eq!(rules.of_network(2, entries, mean), expected, "{entries} of {mean}");
        }
        // The crowd itself pays four: so does this network, at least.
        assert_eq!(rules.of_network(4, 0, 0), 4);
        assert_eq!(EffortRules { free: 0, ..rules }.of_network(2, 3, 0), 8);
    }

    proptest! {
        #[test]
        fn no_effort_is_out_of_bounds(
            effort in 1..=EFFORT_MAX, more in 0u32..64, free: u32, entries: u32, mean: u32,
            overloads in prop::collection::vec((any::<bool>(), 0u64..5000), 0..100),
        ) {
            let rules = EffortRules { effort, effort_max: effort + more, free };
            let (mut crowd, mut now_ms) = (CrowdEffort::new(&rules, 0), 0);
            for (is_overloaded, later_ms) in overloads {
                now_ms += later_ms;
                let before = crowd.tables();
                crowd.step(&rules, is_overloaded, now_ms);
                prop_assert!(crowd.tables().abs_diff(before) <= 1);
                prop_assert!((effort..=2 * effort).contains(&crowd.tables()));
                let network = rules.of_network(crowd.tables(), entries, mean);
                prop_assert!((crowd.tables()..=rules.effort_max).contains(&network));
                prop_assert!(network <= rules.of_network(crowd.tables(), entries.saturating_add(1), mean));
            }
        }
    }
}
