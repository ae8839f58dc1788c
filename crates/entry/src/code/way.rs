//! The way `code`, over all campaigns of a room.

use std::sync::Arc;

use fairgate_draw::v2::{Identity, Method};

use super::campaign::{Campaign, CodeKind};
use super::fingerprint::{CampaignName, Fingerprinter};
use super::revoked::Revoked;
use super::text::Code;
use crate::keys::Key;
use crate::way::{Answer, Ask, Judgement, Person, Reason, Scene, Shown, Way, WayName};

/// What a room gives for the codes of a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeTerms {
    /// The campaign.
    pub campaign: CampaignName,
    /// The index of the tier that a code gives; `None` for the last.
    pub tier: Option<u8>,
    /// Entries that each code is good for, 1 to 8.
    pub entries: u8,
    /// From when on codes count, Unix ms.
    pub from_ms: u64,
    /// Until when codes count, Unix ms; from then on they do not.
    pub until_ms: u64,
}

/// Where a code was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeFound {
    /// The canonical spelling.
    pub code: Code,
    /// The place of the campaign among the room's, in the order of the configuration.
    pub campaign: usize,
    /// The code's rank in it: what its uses and its revocation are kept under.
    pub rank: u32,
}

#[derive(Clone, Debug)]
struct Listed {
    terms: CodeTerms,
    fingerprinter: Fingerprinter,
    loaded: Option<(Arc<Campaign>, Arc<Revoked>)>,
}

/// The campaigns of a room, with the lists that are loaded.
#[derive(Clone, Debug)]
pub struct Campaigns {
    listed: Vec<Listed>,
}

impl Campaigns {
    /// Campaigns whose lists are not loaded yet: no code counts.
    ///
    /// `key` is that of [`Purpose::Codes`](crate::keys::Purpose::Codes).
    #[must_use]
    pub fn new(key: &Key, terms: impl IntoIterator<Item = CodeTerms>) -> Self {
        let listed = terms.into_iter().map(|terms| Listed {
            fingerprinter: Fingerprinter::new(key.clone(), terms.campaign.clone()),
            terms,
            loaded: None,
        });
        Self { listed: listed.collect() }
    }

    /// Takes a list; whether the room has such a campaign.
    pub fn load(&mut self, list: Arc<Campaign>, revoked: Arc<Revoked>) -> bool {
        let mine = self.listed.iter_mut().find(|listed| listed.terms.campaign == *list.name());
        mine.map(|listed| listed.loaded = Some((list, revoked))).is_some()
    }

    /// The terms of the campaigns, in order.
    pub fn terms(&self) -> impl Iterator<Item = &CodeTerms> {
        self.listed.iter().map(|listed| &listed.terms)
    }

    /// Looks a code up in every campaign; `None` where it does not count now.
    ///
    /// Every campaign is searched whatever the others said, and time and revocation are looked at last: unknown,
    /// revoked, early and late take the same steps.
    #[must_use]
    pub fn find(&self, code: &Code, now_ms: u64) -> Option<CodeFound> {
        let is_checked = code.is_checked();
        let mut found = None;
        for (campaign, listed) in self.listed.iter().enumerate() {
            let fingerprint = listed.fingerprinter.of(code);
            let Some((list, revoked)) = &listed.loaded else { continue };
            let rank = list.rank(fingerprint);
            let is_revoked = revoked.contains(rank.unwrap_or(0));
            let is_in_time = (listed.terms.from_ms..listed.terms.until_ms).contains(&now_ms);
            let is_of_kind = is_checked | (list.kind() != CodeKind::Made);
            let counts = !is_revoked & is_in_time & is_of_kind & found.is_none();
            if let Some(rank) = rank.filter(|_| counts) {
                found = Some(CodeFound { code: code.clone(), campaign, rank });
            }
        }
        found
    }

    /// The campaigns in which a code stands, good or not: for `codes import`, which refuses a code of another campaign.
    pub fn standing_in<'c>(&'c self, code: &'c Code) -> impl Iterator<Item = &'c CampaignName> {
        self.listed.iter().filter_map(move |listed| {
            let (list, _) = listed.loaded.as_ref()?;
            list.rank(listed.fingerprinter.of(code)).map(|_| &listed.terms.campaign)
        })
    }

    fn person(&self, found: &CodeFound) -> Option<Person> {
        let terms = &self.listed.get(found.campaign)?.terms;
        let identity = Identity::new(Method::invite(), found.code.as_str()).ok()?;
        Some(Person { identity: Some(identity), tier: terms.tier, entries: terms.entries })
    }
}

/// The way of codes.
///
/// The person's identity has the code as its subject. Where the code is good for several entries, the arrival is made
/// with [`subjects`](crate::join::subjects).
#[derive(Clone, Debug)]
pub struct CodeWay {
    name: WayName,
    campaigns: Campaigns,
}

impl CodeWay {
    /// The way of these campaigns.
    #[must_use]
    pub fn new(name: WayName, campaigns: Campaigns) -> Self {
        Self { name, campaigns }
    }

    /// The campaigns.
    #[must_use]
    pub fn campaigns(&self) -> &Campaigns {
        &self.campaigns
    }
}

impl Way for CodeWay {
    fn name(&self) -> &WayName {
        &self.name
    }

    fn ask(&self, _scene: &Scene<'_>) -> Ask {
        Ask::Plain {}
    }

    fn judge(&self, shown: &Shown<'_>, scene: &Scene<'_>) -> Judgement {
        let Shown::Code(typed) = shown else { return Judgement::Refused(Reason::CodeUnknown) };
        let found = Code::read(typed).and_then(|code| self.campaigns.find(&code, scene.now_ms));
        match found.and_then(|found| self.campaigns.person(&found)) {
            Some(person) => Judgement::Shown(person),
            None => Judgement::Refused(Reason::CodeUnknown),
        }
    }

    fn settle(&self, _answer: &Answer, _scene: &Scene<'_>) -> Judgement {
        Judgement::Refused(Reason::CodeUnknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::Bond;
    use crate::code::CampaignBuilder;
    use crate::code::campaign::tests::{campaign, code};
    use crate::vectors::{draw, key, nonce};

    const NOW_MS: u64 = 1_764_581_400_000;

    fn terms(campaign: &str, tier: Option<u8>, entries: u8) -> CodeTerms {
        let campaign = CampaignName::new(campaign).expect("a name");
        CodeTerms { campaign, tier, entries, from_ms: NOW_MS, until_ms: NOW_MS + 1000 }
    }

    fn spring(revoked: &[u32]) -> CodeWay {
        let list = campaign("spring", 20);
        let mut bitmap = Revoked::none(&list);
        for rank in revoked {
            bitmap.revoke(*rank);
        }
        let mut campaigns = Campaigns::new(&key(0x45), [terms("spring", Some(0), 3), terms("autumn", None, 1)]);
        assert!(campaigns.load(Arc::new(list), Arc::new(bitmap)));
        let foreign = campaign("winter", 1);
        let none = Revoked::none(&foreign);
        assert!(!campaigns.load(Arc::new(foreign), Arc::new(none)), "a campaign that the room does not name");
        CodeWay::new(WayName::new("code").expect("a name"), campaigns)
    }

    fn judged(way: &CodeWay, typed: &str, now_ms: u64) -> Judgement {
        let draw = draw();
        let scene = Scene { now_ms, room: "final", draw: &draw, bond: Bond::of(&nonce(), b""), hosts: &[], effort: 2 };
        way.judge(&Shown::Code(typed), &scene)
    }

    #[test]
    fn a_good_code_is_its_subject_and_gives_its_tier() {
        let Judgement::Shown(person) = judged(&spring(&[]), &code(7).printed().to_lowercase(), NOW_MS) else {
            panic!("a person");
        };
        let identity = person.identity.expect("an identity");
        assert_eq!((identity.method().as_str(), identity.subject()), ("invite", code(7).as_str()));
        assert_eq!((person.tier, person.entries), (Some(0), 3));
    }

    #[test]
    fn whatever_does_not_count_is_answered_alike() {
        let way = spring(&[]);
        let rank = way.campaigns().find(&code(7), NOW_MS).expect("found").rank;
        let refused = Judgement::Refused(Reason::CodeUnknown);
        let typed = code(7).printed();
        assert_eq!(judged(&spring(&[rank]), &typed, NOW_MS), refused, "revoked");
        assert_eq!(judged(&way, &typed, NOW_MS - 1), refused, "too early");
        assert_eq!(judged(&way, &typed, NOW_MS + 1000), refused, "too late");
        assert_ne!(judged(&way, &typed, NOW_MS + 999), refused);
        assert_eq!(judged(&way, &code(20).printed(), NOW_MS), refused, "unknown");
        assert_eq!(judged(&way, "no code", NOW_MS), refused);
        let draw = draw();
        let scene =
            Scene { now_ms: NOW_MS, room: "f", draw: &draw, bond: Bond::of(&nonce(), b""), hosts: &[], effort: 2 };
        assert_eq!(way.judge(&Shown::Shop(&typed), &scene), refused, "not by this way");
        let revoked_other = spring(&[rank ^ 1]);
        assert_ne!(judged(&revoked_other, &typed, NOW_MS), refused);
    }

    #[test]
    fn a_campaign_that_is_not_loaded_lets_nobody_in() {
        let campaigns = Campaigns::new(&key(0x45), [terms("spring", None, 1)]);
        assert_eq!(campaigns.find(&code(7), NOW_MS), None);
        assert_eq!(campaigns.terms().count(), 1);
    }

    #[test]
    fn an_organizers_own_codes_need_no_check_character() {
        let name = CampaignName::new("spring").expect("a name");
        let own = Code::read("SUMMER-2026").expect("a code");
        let mut builder = CampaignBuilder::new(Fingerprinter::new(key(0x45), name), CodeKind::Own);
        builder.push(&own).expect("pushed");
        let list = Campaign::read(&builder.finish(|_| vec![1]).expect("a file"), |_, _| true).expect("a list");
        let none = Revoked::none(&list);
        let mut campaigns = Campaigns::new(&key(0x45), [terms("spring", None, 1)]);
        campaigns.load(Arc::new(list), Arc::new(none));
        let found = campaigns.find(&own, NOW_MS).expect("found");
        assert_eq!((found.campaign, found.rank), (0, 0));
    }

    #[test]
    fn a_code_of_another_campaign_is_told_to_whoever_imports() {
        let way = spring(&[]);
        let known = code(3);
        let names: Vec<&str> = way.campaigns().standing_in(&known).map(CampaignName::as_str).collect();
        assert_eq!(names, ["spring"]);
        assert_eq!(way.campaigns().standing_in(&code(21)).count(), 0);
    }
}
