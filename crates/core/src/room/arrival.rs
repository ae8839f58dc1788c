//! What a fan brings who comes into a room with tiers, and where that fan stands then.
//!
//! Such a room draws by `fairgate/v2`. Its entries carry a tag, which is made of who the fan has shown to be.

use fairgate_draw::v2::Tag;
use serde::{Deserialize, Serialize};

use super::{Entry, Refusal};

/// The most entries that one arrival may choose from, and the most other tags that it may show.
pub const TAGS_MAX: usize = 8;

/// The most uses that a code may have.
pub const USES_MAX: u8 = 15;

/// The greatest rank of a code in its campaign.
const RANK_MAX: u32 = 100_000_000;

/// The most bytes of a campaign's name.
const CAMPAIGN_BYTES_MAX: usize = 32;

/// One fan who comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The index of the tier that the fan has shown to belong to.
    pub tier: u8,
    /// The entries that the fan may get, each with its tag: one, or as many as a code has uses. The first whose tag is free
    /// is taken.
    pub entries: Vec<(Entry, Tag)>,
    /// True if the entries are those of a code with several uses. Such a code is shown by several fans, so one of them who comes
    /// again is known by the entry and not by the tag.
    pub several: bool,
    /// Tags of further methods that the fan shows. They are looked up and never entered.
    pub others: Vec<Tag>,
    /// A code that is used up by a new entry, where the code is not itself the identity.
    pub code: Option<CodeUse>,
    /// From this time on (Unix seconds) the entry's proof of work counts for nothing; none where there is no such proof.
    pub until_s: Option<u32>,
    /// The position that the fan has lost, to be replaced by a place at the end of the line.
    pub replaces: Option<Replaced>,
}

/// One use of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeUse {
    /// The campaign, 1 to 32 characters of `a-z`, `0-9` and `-`.
    pub campaign: String,
    /// The code's rank in its campaign.
    pub rank: u32,
    /// How often the code may be used, 1 to [`USES_MAX`].
    pub uses: u8,
}

/// A position whose place was given up, or has lapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The position that the fan's ticket names.
    pub at: Spot,
    /// The place that this position has, which the caller has worked out.
    pub place: u64,
}

/// Where a fan stands in a room with tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// In the pool of a tier.
    Pool {
        /// The tier's index.
        tier: u8,
        /// The index in the tier's roster.
        index: u64,
    },
    /// In the line, at this place.
    Line {
        /// The place.
        place: u64,
    },
}

/// What became of one arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrived {
    /// There is a new entry.
    New {
        /// Where.
        at: Spot,
        /// Which of the arrival's entries it is, counted from 0.
        which: u8,
    },
    /// The identity, or this very entry, has a position already.
    Again {
        /// Where.
        at: Spot,
        /// By which of the arrival's tags it was found, counted from 0 through its entries and on through its other tags. It
        /// is 0 in a room that asks for no identity.
        by: u8,
        /// The entry that stands there. Whoever keeps the roster fills it in; the line has none.
        entry: Option<Entry>,
    },
    /// All uses of the code are taken.
    Used,
    /// The proof of work came too late.
    Late,
}

/// What came of an entry that was to be put back after a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutBack {
    /// It stands there again. A newer position of the same identity may have become empty for it.
    Taken {
        /// Which one.
        emptied: Option<Spot>,
    },
    /// There is no such position, or it is not empty, or the identity has an older one.
    Refused,
}

impl Arrived {
    /// Where the fan stands, if anywhere.
    #[must_use]
    pub fn at(&self) -> Option<Spot> {
        match self {
            Self::New { at, .. } | Self::Again { at, .. } => Some(*at),
            Self::Used | Self::Late => None,
        }
    }
}

impl Arrival {
    /// The tag by which the arrival was found, counted as in [`Arrived::Again`].
    #[must_use]
    pub fn tag(&self, by: u8) -> Option<Tag> {
        let tags = self.entries.iter().map(|(_, tag)| tag).chain(&self.others);
        tags.copied().nth(usize::from(by))
    }

    /// An arrival with one entry, and nothing else.
    #[must_use]
    pub fn plain(tier: u8, entry: Entry, tag: Tag) -> Self {
        let entries = vec![(entry, tag)];
        Self { tier, entries, several: false, others: Vec::new(), code: None, until_s: None, replaces: None }
    }

    /// Refuses an arrival that no room with tiers could take.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let is_right = self.code.as_ref().is_none_or(CodeUse::is_valid) && (self.several || self.entries.len() == 1);
        match (self.entries.len(), self.others.len()) {
            (1..=TAGS_MAX, 0..=TAGS_MAX) if is_right => Ok(()),
            _ => Err(Refusal::shapeless_arrival()),
        }
    }
}

impl CodeUse {
    fn is_valid(&self) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=CAMPAIGN_BYTES_MAX).contains(&self.campaign.len())
            && self.campaign.bytes().all(is_plain)
            && self.rank <= RANK_MAX
            && (1..=USES_MAX).contains(&self.uses)
    }
}
