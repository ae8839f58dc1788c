//! What becomes of a message: when it arrives, whether it does, and whether it does twice.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How one way behaves at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weather {
    /// The delay of a message: at least, and as much again at most by chance.
    pub(crate) delay_ms: (u64, u64),
    /// Messages of a thousand that never arrive.
    pub(crate) lost_permille: u32,
    /// Messages of a thousand that arrive twice.
    pub(crate) twice_permille: u32,
}

impl Weather {
    /// A machine room on a good day.
    pub(crate) const FINE: Self = Self { delay_ms: (0, 3), lost_permille: 0, twice_permille: 0 };
    /// Nothing comes through.
    pub(crate) const CUT: Self = Self { delay_ms: (0, 1), lost_permille: 1_000, twice_permille: 0 };
    /// The way between browsers and edges.
    pub(crate) const ABROAD: Self = Self { delay_ms: (10, 150), lost_permille: 10, twice_permille: 5 };
    /// Much is late, out of order, lost or said twice.
    pub(crate) const STORM: Self = Self { delay_ms: (0, 1_500), lost_permille: 150, twice_permille: 100 };

    /// The delays of a message's copies that arrive.
    pub(crate) fn arrivals(self, random: &mut ChaCha8Rng) -> impl Iterator<Item = u64> + use<> {
        let copies = match random.random_range(0..1_000) {
            roll if roll < self.lost_permille => 0,
            roll if roll < self.lost_permille + self.twice_permille => 2,
            _ => 1,
        };
        let (least_ms, spread_ms) = self.delay_ms;
        let delays: [u64; 2] = std::array::from_fn(|_| least_ms + random.random_range(0..=spread_ms));
        delays.into_iter().take(copies)
    }
}

impl std::fmt::Display for Weather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::CUT => f.write_str("cut"),
            Self::FINE => f.write_str("fine"),
            Self { delay_ms: (least_ms, spread_ms), lost_permille, twice_permille } => write!(
                f,
                "{least_ms}-{} ms long ({lost_permille} of 1,000 lost, {twice_permille} twice)",
                least_ms + spread_ms
            ),
        }
    }
}
