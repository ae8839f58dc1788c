//! What the fans of a benchmark ask for: 1 to 4 units each, 2.5 on average, and no two the same seats.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Reservations that one fan makes: one, with a pass that the core has not seen before and has to verify.
pub(super) const OF_A_FAN: usize = 1;
/// A hall of 100,000 seats.
pub(super) const ROWS: u32 = 2000;
pub(super) const ROW_SEATS: u32 = 50;
/// Places to stand.
pub(super) const PLACES: u32 = 300_000;

/// The bodies of the requests, in order.
pub(super) struct Wishes {
    bodies: Vec<String>,
    wishes: usize,
}

impl Wishes {
    pub(super) fn len(&self) -> usize {
        self.wishes
    }

    /// The body of a request; the few different ones of general admission take turns.
    pub(super) fn get(&self, number: usize) -> Option<&str> {
        (number < self.wishes).then(|| self.bodies[number % self.bodies.len()].as_str())
    }
}

/// 1, 2, 3, 4, 1, … places to stand.
pub(super) fn standing(event: &str) -> Wishes {
    let body = |quantity: u32| format!(r#"{{"event":"{event}","section":"floor","quantity":{quantity}}}"#);
    Wishes { bodies: (1..=4).map(body).collect(), wishes: (PLACES / 10 * 4) as usize }
}

/// Neighbours all over the hall: every row cut into groups of 4, 1, 3 and 2, all of them in random order.
pub(super) fn seated(event: &str, seed: usize) -> Wishes {
    let mut groups: Vec<(u32, u32, u32)> = Vec::new();
    for row in 0..ROWS {
        let mut seat = 1;
        for quantity in [4, 1, 3, 2].into_iter().cycle().take((ROW_SEATS / 10 * 4) as usize) {
            groups.push((row, seat, quantity));
            seat += quantity;
        }
    }
    shuffle(&mut groups, seed as u64);
    let body = |(row, first, quantity): (u32, u32, u32)| {
        let seats: Vec<String> = (first..first + quantity).map(|seat| format!("\"hall-R{row}-{seat}\"")).collect();
        format!(r#"{{"event":"{event}","seats":[{}]}}"#, seats.join(","))
    };
    let bodies: Vec<String> = groups.into_iter().map(body).collect();
    Wishes { wishes: bodies.len(), bodies }
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    for last in (1..items.len()).rev() {
        let other = random.next_u64() % (last as u64 + 1);
        items.swap(last, other as usize);
    }
}
