//! Who comes: the behaviours, their shares of a crowd, and what each fan means to do.
//!
//! A fan's intentions depend on the seed, its number and the room's times only: the same run again has the same fans.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How somebody behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Comes in the first part of the pool and waits.
    Early,
    /// Comes shortly before the start.
    OnTime,
    /// Comes after the start.
    Late,
    /// Reloads the page again and again.
    Refreshing,
    /// Goes away before it is called; half of them say so.
    Leaving,
    /// Waits in several tabs with one ticket, and claims from all of them at once.
    ManyTabs,
    /// Joins at the first millisecond and hammers status, claim and join.
    Bot,
}

/// The shares of a crowd, in percent; bots come on top.
const SHARES: [(Behaviour, u32); 6] = [
    (Behaviour::Early, 30),
    (Behaviour::OnTime, 30),
    (Behaviour::Late, 10),
    (Behaviour::Refreshing, 12),
    (Behaviour::Leaving, 8),
    (Behaviour::ManyTabs, 10),
];

/// The times that intentions depend on, by the room's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) now_ms: u64,
    pub(crate) opens_at_ms: u64,
    pub(crate) starts_at_ms: u64,
    pub(crate) late_within_ms: u64,
}

/// What one fan means to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Intent {
    pub(crate) behaviour: Behaviour,
    /// When it opens the page, by the room's clock.
    pub(crate) arrives_at_ms: u64,
    pub(crate) tabs: usize,
    /// The time between two visits, for those who do not wait to be told.
    pub(crate) own_pace_ms: Option<u64>,
    pub(crate) leaves: Option<Leaving>,
    pub(crate) shopping: Shopping,
    /// What it joins with.
    pub(crate) nonce: [u8; 16],
    /// Decides jitter on the way.
    pub(crate) jitter_seed: u64,
}

/// When somebody goes away without having been let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) after_join_ms: u64,
    /// Gives the place up instead of closing the page.
    pub(crate) says_so: bool,
}

/// What somebody does inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shopping {
    pub(crate) quantity: usize,
    /// Picks seats on the map instead of taking the best available.
    pub(crate) picks_seats: bool,
    pub(crate) thinks_ms: u64,
    pub(crate) change_of_mind: Option<ChangeOfMind>,
}

/// How somebody who was let in does not buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeOfMind {
    /// Looks and goes.
    BeforeHolding,
    /// Gives the held seats back.
    Cancels,
    /// Lets the hold run out.
    LetsLapse,
    /// Pays with a card that is declined.
    HasNoMoney,
}

impl Intent {
    /// The intentions of fan number `who`; numbers below `bots` are bots.
    pub(crate) fn of(seed: u64, who: u32, bots: u32, window: &Window) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from(who));
        let behaviour = if who < bots { Behaviour::Bot } else { share(random.random_range(0..100)) };
        Self {
            behaviour,
            arrives_at_ms: arrival(behaviour, window, &mut random),
            tabs: if behaviour == Behaviour::ManyTabs { random.random_range(2..=4) } else { 1 },
            own_pace_ms: own_pace_ms(behaviour, &mut random),
            leaves: (behaviour == Behaviour::Leaving).then(|| Leaving {
                after_join_ms: random.random_range(1_000..60_000),
                says_so: random.random_bool(0.5),
            }),
            shopping: shopping(behaviour, &mut random),
            nonce: random.random(),
            jitter_seed: random.random(),
        }
    }
}

fn share(percentile: u32) -> Behaviour {
    let mut below = 0;
    for (behaviour, percent) in SHARES {
        below += percent;
        if percentile < below {
            return behaviour;
        }
    }
    Behaviour::Early
}

fn arrival(behaviour: Behaviour, window: &Window, random: &mut ChaCha8Rng) -> u64 {
    let opens_ms = window.now_ms.max(window.opens_at_ms);
    if behaviour == Behaviour::Bot {
        return opens_ms;
    }
    if window.now_ms >= window.starts_at_ms {
        return window.now_ms + random.random_range(0..=window.late_within_ms);
    }
    let pool_ms = window.starts_at_ms.saturating_sub(opens_ms);
    let between = |from: f64, to: f64, random: &mut ChaCha8Rng| {
        opens_ms + (pool_ms as f64 * (from + (to - from) * random.random::<f64>())) as u64
    };
    match behaviour {
        Behaviour::Bot => opens_ms,
        // Some of them wait for the pool itself to open.
        Behaviour::Early => window.now_ms.max(between(0.0, 0.6, random).saturating_sub(5_000)),
        Behaviour::OnTime => between(0.7, 1.0, random),
        Behaviour::Late => window.starts_at_ms + random.random_range(0..=window.late_within_ms),
        Behaviour::Refreshing | Behaviour::Leaving | Behaviour::ManyTabs => between(0.0, 1.0, random),
    }
}

fn own_pace_ms(behaviour: Behaviour, random: &mut ChaCha8Rng) -> Option<u64> {
    match behaviour {
        Behaviour::Refreshing => Some(random.random_range(4_000..12_000)),
        Behaviour::Bot => Some(random.random_range(200..400)),
        _ => None,
    }
}

fn shopping(behaviour: Behaviour, random: &mut ChaCha8Rng) -> Shopping {
    let quantity = if behaviour == Behaviour::Bot { 4 } else { random.random_range(1..=4) };
    let picks_seats = random.random_bool(0.5);
    let thinks_ms = if behaviour == Behaviour::Bot { 0 } else { random.random_range(500..4_000) };
    let change_of_mind = match random.random_range(0..100) {
        _ if behaviour == Behaviour::Bot => None,
        0..5 => Some(ChangeOfMind::BeforeHolding),
        5..11 => Some(ChangeOfMind::Cancels),
        11..14 => Some(ChangeOfMind::LetsLapse),
        14..16 => Some(ChangeOfMind::HasNoMoney),
        _ => None,
    };
    Shopping { quantity, picks_seats, thinks_ms, change_of_mind }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window =
        Window { now_ms: 1_000_000, opens_at_ms: 1_010_000, starts_at_ms: 1_070_000, late_within_ms: 20_000 };

    fn crowd(seed: u64, window: &Window) -> Vec<Intent> {
        (0..2_000).map(|who| Intent::of(seed, who, 100, window)).collect()
    }

    #[test]
    fn one_seed_is_one_crowd() {
        assert_eq!(crowd(7, &WINDOW), crowd(7, &WINDOW));
        assert_ne!(crowd(7, &WINDOW), crowd(8, &WINDOW));
    }

    #[test]
    fn no_two_fans_join_with_one_nonce() {
        let nonces: std::collections::BTreeSet<_> = crowd(7, &WINDOW).iter().map(|intent| intent.nonce).collect();
        assert_eq!(nonces.len(), 2_000);
    }

    #[test]
    fn shares_add_up_and_everyone_comes() {
        assert_eq!(SHARES.iter().map(|(_, percent)| percent).sum::<u32>(), 100);
        let crowd = crowd(7, &WINDOW);
        for (behaviour, percent) in SHARES {
            let seen = crowd.iter().filter(|intent| intent.behaviour == behaviour).count() as f64 / 19.0;
            assert!((seen - f64::from(percent)).abs() < 4.0, "{behaviour:?}: {seen} of {percent} percent");
        }
        assert_eq!(crowd.iter().filter(|intent| intent.behaviour == Behaviour::Bot).count(), 100);
    }

    #[test]
    fn everyone_comes_when_their_behaviour_says() {
        for intent in crowd(7, &WINDOW) {
            let at_ms = intent.arrives_at_ms;
            match intent.behaviour {
                Behaviour::Bot => assert_eq!(at_ms, WINDOW.opens_at_ms),
                Behaviour::Early => assert!((1_005_000..1_046_000).contains(&at_ms), "{at_ms}"),
                Behaviour::OnTime => assert!((1_052_000..1_070_000).contains(&at_ms), "{at_ms}"),
                Behaviour::Late => assert!((1_070_000..=1_090_000).contains(&at_ms), "{at_ms}"),
                _ => assert!((1_010_000..1_070_000).contains(&at_ms), "{at_ms}"),
            }
        }
    }

    #[test]
    fn after_the_start_everyone_is_late() {
        let started = Window { now_ms: 2_000_000, ..WINDOW };
        for intent in crowd(7, &started) {
            assert!((2_000_000..=2_020_000).contains(&intent.arrives_at_ms), "{intent:?}");
        }
    }
}
