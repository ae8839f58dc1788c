//! Suspicion: signals, each with its points and a reason that can be told to the person it is about.
//!
//! Guarantees:
//! - a score is the sum of its signals and nothing else
//! - the same facts give the same score
//! - no signal alone is a refusal
//!
//! Not used are fingerprints of devices, the country, how a mouse moves, and past purchases.

mod browser;

pub use browser::BrowserFacts;

use crate::way::{Reason, WayName};

/// How many times the crowd's mean a network may have before it is looked at.
pub const MEAN_TIMES: f64 = 16.0;
/// How many times more a network may have that an organizer says is shared by many.
pub const NAT_TIMES: f64 = 64.0;
/// Most points of one network's entries.
pub const ADDRESS_POINTS_MAX: u16 = 100;
/// Devices of one identity that are usual.
pub const DEVICES_USUAL: u32 = 3;
/// Networks of one code that are usual.
pub const CODE_NETWORKS_USUAL: u32 = 3;

/// Entries of one network beside the crowd's.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crowding {
    /// Entries of the network in this draw.
    pub entries: u32,
    /// The crowd's mean: entries a network of this prefix length.
    pub mean: f64,
}

/// What is known of an entry; nothing is known by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Of its /32 or /64.
    pub address: Option<Crowding>,
    /// Of its /24 or /48.
    pub block: Option<Crowding>,
    /// Of the network that a table of prefixes names.
    pub named: Option<Crowding>,
    /// An organizer says that many people share the prefix.
    pub is_shared: bool,
    /// An organizer says that the prefix is a data centre's.
    pub is_data_centre: bool,
    /// Joins of its network come as if by a clock.
    pub is_regular: bool,
    /// The entry's work took no time, or always the same time in its network.
    pub is_work_odd: bool,
    /// What the browser sent.
    pub browser: BrowserFacts,
    /// The entry came by waiting instead of working.
    pub has_waited: bool,
    /// Devices that have shown its identity, this one included.
    pub devices: u32,
    /// Networks that have shown its code, this one included.
    pub code_networks: u32,
    /// The entry's mail domain has more entries than the room takes without asking.
    pub is_domain_full: bool,
}

/// Why an entry is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// Many entries from the same address.
    Address,
    /// Many entries from the addresses around it.
    Block,
    /// Many entries from the same provider's network.
    Named,
    /// A data centre's address.
    DataCentre,
    /// Arrivals as if by a clock.
    Regular,
    /// Work that took no time, or always the same.
    WorkOdd,
    /// The browser says that it is driven by a program.
    Webdriver,
    /// The browser says that it has no window.
    Headless,
    /// The browser names no language.
    NoLanguage,
    /// The browser leaves out fields that it sends.
    NoFetchFields,
    /// Waited instead of working.
    Waited,
    /// More devices than usual.
    Devices,
    /// A code from more networks than usual.
    CodeNetworks,
    /// Many entries of one mail domain.
    MailDomain,
}

impl Signal {
    /// All of them; their order is that of the points in a [`Refusal`](crate::book::Refusal).
    pub const ALL: [Self; 14] = [
        Self::Address,
        Self::Block,
        Self::Named,
        Self::DataCentre,
        Self::Regular,
        Self::WorkOdd,
        Self::Webdriver,
        Self::Headless,
        Self::NoLanguage,
        Self::NoFetchFields,
        Self::Waited,
        Self::Devices,
        Self::CodeNetworks,
        Self::MailDomain,
    ];

    /// The word for metrics and references.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Block => "block",
            Self::Named => "named",
            Self::DataCentre => "data-centre",
            Self::Regular => "regular",
            Self::WorkOdd => "work-odd",
            Self::Webdriver => "webdriver",
            Self::Headless => "headless",
            Self::NoLanguage => "no-language",
            Self::NoFetchFields => "no-fetch-fields",
            Self::Waited => "waited",
            Self::Devices => "devices",
            Self::CodeNetworks => "code-networks",
            Self::MailDomain => "mail-domain",
        }
    }

    /// What an organizer tells the person.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Address => "Many more entries than usual came from the same address.",
            Self::Block => "Many more entries than usual came from the addresses around it.",
            Self::Named => "Many more entries than usual came from the same provider's network.",
            Self::DataCentre => "The address belongs to a data centre.",
            Self::Regular => "Entries from this address came as if by a clock.",
            Self::WorkOdd => "The puzzle was solved faster than browsers solve it, or always in the same time.",
            Self::Webdriver => "The browser says that a program drives it.",
            Self::Headless => "The browser says that it runs without a window.",
            Self::NoLanguage => "The browser names no language.",
            Self::NoFetchFields => "The browser leaves out header fields that this browser sends.",
            Self::Waited => "The entry was made by waiting, because the puzzle could not be solved.",
            Self::Devices => "The same identity was shown on more than three devices.",
            Self::CodeNetworks => "The same code was shown from more than three networks.",
            Self::MailDomain => "Many entries were made with addresses of the same mail domain.",
        }
    }
}

/// What an entry's signals come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    signals: Vec<(Signal, u16)>,
}

impl Score {
    /// Scores an entry. `free` are the entries of one network that are not looked at.
    #[must_use]
    pub fn of(facts: &Facts, free: u32) -> Self {
        let above = |crowding: Option<Crowding>| crowding.and_then(|own| doublings(own, free, facts.is_shared));
        let when = |is: bool, points: u16| is.then_some(points);
        let browser = &facts.browser;
        let all = [
            (Signal::Address, above(facts.address).map(|times| (40 + 20 * times).min(ADDRESS_POINTS_MAX))),
            (Signal::Block, above(facts.block).map(|_| 30)),
            (Signal::Named, above(facts.named).map(|_| 20)),
            (Signal::DataCentre, when(facts.is_data_centre, 40)),
            (Signal::Regular, when(facts.is_regular, 30)),
            (Signal::WorkOdd, when(facts.is_work_odd, 20)),
            (Signal::Webdriver, when(browser.is_webdriver, 30)),
            (Signal::Headless, when(browser.is_headless, 30)),
            (Signal::NoLanguage, when(browser.has_no_language, 30)),
            (Signal::NoFetchFields, when(browser.has_no_fetch_fields, 30)),
            (Signal::Waited, when(facts.has_waited, 60)),
            (Signal::Devices, when(facts.devices > DEVICES_USUAL, 60)),
            (Signal::CodeNetworks, when(facts.code_networks > CODE_NETWORKS_USUAL, 60)),
            (Signal::MailDomain, when(facts.is_domain_full, 60)),
        ];
        Self { signals: all.into_iter().filter_map(|(signal, points)| Some((signal, points?))).collect() }
    }

    /// The signals and their points.
    #[must_use]
    pub fn signals(&self) -> &[(Signal, u16)] {
        &self.signals
    }

    /// The sum.
    #[must_use]
    pub fn points(&self) -> u16 {
        self.signals.iter().map(|(_, points)| points).sum()
    }

    /// Whether something is asked at the claim.
    #[must_use]
    pub fn is_suspicious(&self, suspicious_at: u16) -> bool {
        self.points() >= suspicious_at
    }
}

/// How often a network's entries are double what is not looked at; `None` while they are not more than that.
fn doublings(own: Crowding, free: u32, is_shared: bool) -> Option<u16> {
    let times = if is_shared { MEAN_TIMES * NAT_TIMES } else { MEAN_TIMES };
    let shared = if is_shared { NAT_TIMES } else { 1.0 };
    let usual = (f64::from(free) * shared).max(times * own.mean).max(1.0);
    let share = f64::from(own.entries) / usual;
    // At most 32 doublings of a u32.
    (share > 1.0).then(|| share.log2() as u16)
}

/// What is asked of somebody at the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Any of these ways settles it.
    pub ways: Vec<WayName>,
    /// Why.
    pub reason: Reason,
    /// The signals behind it; empty where everybody is asked.
    pub signals: Vec<Signal>,
}

#[cfg(test)]
mod tests;
