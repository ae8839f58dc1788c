//! What breaks.

use std::fmt;

use super::network::Weather;

/// Something that breaks, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// An edge is killed and started again with its disk.
    Kill { edge: usize, for_ms: u64 },
    /// An edge's machine burns down; another one takes its place and knows nothing.
    Burn { edge: usize, for_ms: u64 },
    /// The way between an edge and the store, there and back.
    Way { edge: usize, there: Weather, back: Weather, for_ms: u64 },
    /// The way between fans and edges.
    Abroad { weather: Weather, for_ms: u64 },
    /// `FLUSHALL`.
    Wipe,
    /// The store stops, and begins anew without anything.
    Empty { for_ms: u64 },
    /// The store stops, and a copy from that long ago goes on, on a machine with another clock.
    FailOver { copy_age_ms: u64, for_ms: u64, clock_off_ms: i64 },
    /// An edge is killed in the middle of writing to its disk, and started again.
    Tear { edge: usize, for_ms: u64 },
    /// One bit on an edge's disk flips.
    Rot { edge: usize, at: usize },
    /// The store takes away the roster to make room for something else, and nothing but the roster.
    Evict,
    /// Another master is elected while the old one still has some of the edges. The old one takes no writes any more,
    /// as it has no replica left.
    TwoMasters { copy_age_ms: u64, for_ms: u64 },
    /// The store stops, and goes on with all that it had.
    StartAgain { for_ms: u64 },
    /// The store does not answer.
    Silence { for_ms: u64 },
    /// The store's clock jumps, and is off by so much from then on.
    StoreClock { by_ms: i64 },
    /// An edge's clock jumps, and is off by so much from then on.
    EdgeClock { edge: usize, by_ms: i64 },
    /// The store's clock is set to another hour, and comes back.
    StoreHours { by_ms: i64, for_ms: u64 },
    /// An edge's clock is set to another hour, and comes back.
    EdgeHours { edge: usize, by_ms: i64, for_ms: u64 },
}

impl Fault {
    /// How long it lasts.
    pub(crate) fn for_ms(&self) -> u64 {
        match *self {
            Self::Kill { for_ms, .. } | Self::Burn { for_ms, .. } | Self::Way { for_ms, .. } => for_ms,
            Self::Abroad { for_ms, .. } | Self::Empty { for_ms } | Self::FailOver { for_ms, .. } => for_ms,
            Self::Silence { for_ms } | Self::StartAgain { for_ms } => for_ms,
            Self::Tear { for_ms, .. } | Self::TwoMasters { for_ms, .. } => for_ms,
            Self::StoreHours { for_ms, .. } | Self::EdgeHours { for_ms, .. } => for_ms,
            Self::Rot { .. } | Self::Evict => 0,
            Self::Wipe | Self::StoreClock { .. } | Self::EdgeClock { .. } => 0,
        }
    }

    /// True if numbers may be left out because of this fault.
    pub(crate) fn may_leave_gap(&self) -> bool {
        self.is_loss() || matches!(self, Self::StartAgain { .. })
    }

    /// True if the store loses something.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Wipe | Self::Empty { .. } | Self::FailOver { .. } | Self::TwoMasters { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { edge, for_ms } => write!(f, "edge {edge} is killed for {for_ms} ms"),
            Self::Burn { edge, for_ms } => {
                write!(f, "edge {edge} burns down with its disk, another comes in {for_ms} ms")
            }
            Self::Way { edge, there, back, for_ms } => {
                write!(f, "the way of edge {edge} to the store is {there}, and {back} on the way back, for {for_ms} ms")
            }
            Self::Abroad { weather, for_ms } => write!(f, "the way of the fans is {weather} for {for_ms} ms"),
            Self::Wipe => write!(f, "the store is wiped"),
            Self::Empty { for_ms } => write!(f, "the store stops and is back empty in {for_ms} ms"),
            Self::FailOver { copy_age_ms, for_ms, clock_off_ms } => write!(
                f,
                "the store stops, and a copy that is {copy_age_ms} ms old goes on in {for_ms} ms with a clock {clock_off_ms} ms off"
            ),
            Self::Tear { edge, for_ms } => write!(f, "edge {edge} is killed while it writes, for {for_ms} ms"),
            Self::Rot { edge, .. } => write!(f, "a bit on the disk of edge {edge} flips"),
            Self::Evict => write!(f, "the store evicts the roster"),
            Self::TwoMasters { copy_age_ms, for_ms } => {
                write!(
                    f,
                    "a copy that is {copy_age_ms} ms old goes on beside the old master, which some edges have for {for_ms} ms"
                )
            }
            Self::StartAgain { for_ms } => write!(f, "the store stops and is back in {for_ms} ms with all that it had"),
            Self::Silence { for_ms } => write!(f, "the store does not answer for {for_ms} ms"),
            Self::StoreClock { by_ms } => write!(f, "the store's clock is {by_ms} ms off from now on"),
            Self::EdgeClock { edge, by_ms } => write!(f, "the clock of edge {edge} is {by_ms} ms off from now on"),
            Self::StoreHours { by_ms, for_ms } => write!(f, "the store's clock is {by_ms} ms off for {for_ms} ms"),
            Self::EdgeHours { edge, by_ms, for_ms } => {
                write!(f, "the clock of edge {edge} is {by_ms} ms off for {for_ms} ms")
            }
        }
    }
}
