//! The desk of one room: keys, ways, and the decision about a join.
//!
//! Guarantees:
//! - the cheap checks stand first, and a refusal ends it
//! - nothing is kept of what was shown
//! - the same refusal has the same reference, on every edge
//! - what is counted is the fleet's, and no join and no claim makes a call for it

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use arc_swap::ArcSwap;
use fairgate_draw::v2::{Identity, IdentityKey as DrawKey, Method};
use fairgate_entry::bond::Bond;
use fairgate_entry::book::{Summary, Verdict};
use fairgate_entry::code::{Campaigns, Code, CodeWay, Sharing};
use fairgate_entry::epoch::Epoch;
use fairgate_entry::heat::{NetworkTable, NetworkTag};
use fairgate_entry::join::{Entrant, Joined, Judge, Required, Show, Ways, bond};
use fairgate_entry::keys::{IdentityKey, Key};
use fairgate_entry::policy::{Binding, EntryPolicy, WayKind};
use fairgate_entry::provider::OnFailure;
use fairgate_entry::reference::{NO_POSITION, Reference};
use fairgate_entry::score::{BrowserFacts, Facts, Score, Signal};
use fairgate_entry::shop::shop_hearsay;
use fairgate_entry::voucher::VoucherKey;
use fairgate_entry::wait::{NOTE_GOOD_MS, Wait, wait_ms};
use fairgate_entry::way::{Ask, Judgement, Person, Reason, Scene, Way, WayName};
use fairgate_entry::work::altcha::Altcha;
use fairgate_entry::work::way::SHOWN_TABLES_MAX;

use super::campaigns::CampaignFiles;
use super::challenge::Challenge;
use super::document::EntryDocument;
use super::issuers::Issuer;
use super::load::Load;
use super::mailer::Mailer;
use super::moves::Moves;
use super::notes::Notes;
use super::overruled::Overruled;
use super::remote_shop::RemoteShop;
use super::shown::Shown;
use super::sign_in::SignInProvider;
use crate::edge::http::entry_problem::{EntryProblem, Missing, MoreWork, Note};
use crate::observe::EntryMetrics;

/// What a room asks, and everything to judge it by.
pub(crate) struct Desk {
    pub(super) room: String,
    pub(super) hosts: Vec<String>,
    pub(crate) policy: EntryPolicy,
    pub(crate) vouchers: VoucherKey,
    pub(super) identity: IdentityKey,
    pub(super) references: Key,
    pub(super) proofs: Key,
    pub(super) wait: Wait,
    pub(super) altcha: Option<Altcha>,
    pub(super) load: Load,
    /// What the organizer says of networks.
    pub(super) table: NetworkTable,
    pub(super) notes: Notes,
    pub(crate) moves: Moves,
    pub(super) overruled: ArcSwap<Overruled>,
    /// What is published with the draw.
    pub(super) summary: ArcSwap<Summary>,
    pub(super) is_forgotten: AtomicBool,
    /// Identities that came again, in a draw.
    pub(super) sharing: Mutex<([u8; 32], Sharing)>,
    /// Entries of one mail domain that are usual, and domains that are not counted; none where the room sends no mail.
    pub(super) mail_domains: Option<(u32, Vec<String>)>,
    /// All ways but codes.
    pub(super) ways: Vec<Arc<dyn Way>>,
    /// Those of them whose keys are elsewhere.
    pub(super) remote_shops: Vec<Arc<RemoteShop>>,
    pub(super) codes: Mutex<Campaigns>,
    /// The same, for whoever only looks.
    pub(super) campaigns: ArcSwap<Campaigns>,
    pub(crate) code_files: CampaignFiles,
    pub(super) judged: ArcSwap<Ways>,
    pub(super) sign_ins: Vec<(WayName, Ask)>,
    pub(super) challenges: Vec<Challenge>,
    pub(super) mailer: Option<Arc<Mailer>>,
    pub(super) oidc: Vec<SignInProvider>,
    pub(super) issuers: Vec<Issuer>,
    pub(crate) metrics: EntryMetrics,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({})", self.room)
    }
}

/// The moment of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'m> {
    /// The room's time, Unix ms.
    pub(crate) now_ms: u64,
    /// The digest of the room's draw.
    pub(crate) draw: &'m [u8; 32],
    /// When the draw is, Unix ms.
    pub(crate) starts_at_ms: u64,
    /// The fan's address.
    pub(crate) address: IpAddr,
}

/// A join as it was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Joining<'j> {
    /// v, the fan's random bytes.
    pub(crate) nonce: &'j [u8; 16],
    /// What is shown.
    pub(crate) shown: &'j Shown,
    /// Vouchers, those of the body first.
    pub(crate) vouchers: &'j [&'j str],
    /// What is odd about the browser.
    pub(crate) browser: BrowserFacts,
}

/// Who may enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// As whom.
    pub(crate) entrant: Entrant,
    /// From this time on (Unix seconds) the work counts for nothing; none where none was shown.
    pub(crate) until_s: Option<u32>,
    /// Ways of which one is asked at the claim, because the entry looks odd.
    pub(crate) owes: Vec<WayName>,
    /// Signs of that.
    pub(crate) why: Vec<Signal>,
    /// A code that let somebody in and is not the identity.
    pub(crate) code: Option<CodeShown>,
    /// What is counted once the entry is made.
    pub(crate) came: Came,
}

/// What is counted of an entry once it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// The ways that let it in.
    pub(super) by: Vec<WayName>,
    /// What stands for its mail domain, where that is counted.
    pub(super) domain: Option<NetworkTag>,
}

/// A code that is used up by an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodeShown {
    /// Its campaign.
    pub(crate) campaign: String,
    /// Its rank there.
    pub(crate) rank: u32,
    /// How many entries it is good for.
    pub(crate) uses: u8,
}

impl Desk {
    /// What the status says.
    pub(crate) fn document(&self, draw: &[u8; 32], now_ms: u64) -> EntryDocument {
        let scene = self.scene(draw, now_ms, Bond::from_bytes([0; 16]), self.load.crowd());
        let judged = self.judged.load();
        let asks = judged.iter().filter(|way| way.name().as_str() != WayName::WAIT);
        let asks = asks.map(|way| (way.name().clone(), way.ask(&scene)));
        EntryDocument {
            identity: self.policy.identity().cloned().collect(),
            any_of: self.policy.any_of().to_vec(),
            all_of: self.policy.all_of().to_vec(),
            ways: asks.chain(self.sign_ins.iter().cloned()).filter(|(name, _)| self.names(name)).collect(),
            binding: self.policy.binding,
            moves: Some(self.policy.moves).filter(|_| self.policy.binding == Binding::Key),
        }
    }

    /// Whether the room asks for a way anywhere.
    pub(crate) fn names(&self, way: &WayName) -> bool {
        let policy = &self.policy;
        let lists = [policy.any_of(), policy.all_of(), policy.suspicious(), policy.claim()];
        lists.iter().any(|names| names.contains(way)) || policy.identity().any(|own| own == way)
    }

    /// Whether nobody enters without showing something.
    pub(crate) fn asks_at_join(&self) -> bool {
        !self.policy.any_of().is_empty() || !self.policy.all_of().is_empty()
    }

    /// Moves the effort that is asked of the crowd.
    pub(crate) fn step(&self, is_overloaded: bool, now_ms: u64) {
        self.load.step(is_overloaded, now_ms);
        self.metrics.observe_effort(&self.room, self.load.crowd());
    }

    pub(super) fn scene<'s>(&'s self, draw: &'s [u8; 32], now_ms: u64, bond: Bond, effort: u32) -> Scene<'s> {
        Scene { now_ms, room: &self.room, draw, bond, hosts: &self.hosts, effort }
    }

    /// Decides about a join.
    ///
    /// # Errors
    /// What is missing, or does not count.
    pub(crate) fn join(&self, joining: &Joining<'_>, moment: &Moment<'_>) -> Result<Admission, EntryProblem> {
        let crowd = self.load.crowding(moment.draw, moment.address, moment.now_ms);
        let guesses = self.load.for_guesses(moment.draw, moment.address, moment.now_ms);
        let effort = (self.load.asked(crowd) + guesses).min(SHOWN_TABLES_MAX as u32);
        let ways = self.judged.load();
        let (deferred, excused) = (self.away(OnFailure::Later), self.away(OnFailure::Pass));
        let judge = Judge {
            policy: &self.policy,
            ways: &ways,
            vouchers: &self.vouchers,
            deferred: &deferred,
            excused: &excused,
            overruled: &[],
        };
        let mut show = show(joining);
        let own = bond(&show, joining.nonce, &judge.open(&show, &self.room, moment.now_ms));
        let overruled = self.let_pass(&show, joining.nonce, own, moment.draw);
        let judge = Judge { overruled: &overruled, ..judge };
        let scene = self.scene(moment.draw, moment.now_ms, own, effort);
        let opened = self.open_altcha(joining.shown, &scene, moment.address)?;
        if let Some((epoch, solutions)) = &opened {
            show.work = Some((epoch.0, solutions));
        }
        let begun = Instant::now();
        let joined = judge.join(&show, joining.nonce, &scene);
        if show.work.is_some() {
            self.metrics.observe_work_check(begun.elapsed());
        }
        self.metrics.observe_joined(&self.room, &joined);
        match joined {
            Joined::Enters(entrant) => {
                let until_s = self.until_s(&show, &entrant, &scene);
                let domain = self.mail_domain(&entrant, moment.draw);
                let (devices, code_networks) = self.devices(&entrant, moment.draw);
                let (known, block) = (self.table.of(moment.address), self.load.block_tag(moment.draw, moment.address));
                let of_name = |name| self.load.crowding_of_named(moment.draw, name, moment.now_ms);
                let facts = Facts {
                    address: Some(crowd.draw),
                    block: Some(self.load.crowding_of_block(moment.draw, &block, moment.now_ms)),
                    named: known.name.map(of_name),
                    is_shared: known.is_shared,
                    is_data_centre: known.is_data_centre,
                    is_regular: self.load.is_regular(moment.draw, &self.network_tag(moment)),
                    browser: joining.browser,
                    has_waited: entrant.by.iter().any(|way| way.as_str() == WayName::WAIT),
                    devices,
                    code_networks,
                    is_domain_full: domain.is_some_and(|domain| self.is_domain_full(&domain, moment)),
                    ..Facts::default()
                };
                let (owes, why) = self.owes(&facts);
                let is_passed = overruled.iter().any(|(way, _)| way.as_str() == WayName::CODE);
                let code = self.code_shown(&show, &entrant, moment.now_ms).filter(|_| !is_passed);
                let came = Came { by: entrant.by.clone(), domain };
                Ok(Admission { owes, why, code, until_s, entrant, came })
            }
            Joined::Refused { way, reason } => {
                self.note_guess(reason, &show, moment);
                Err(self.refused(way, reason, &scene, moment.address).into_problem())
            }
            Joined::More(Ask::Work { e, seed, effort }) => {
                let wait = self.note(&show, &scene, moment.starts_at_ms);
                Err(EntryProblem::MoreWork(MoreWork { effort, e, seed, wait }))
            }
            Joined::More(_) => Err(EntryProblem::NotAsked),
            Joined::Required(required) => Err(self.required(required, &show, &scene, moment.starts_at_ms)),
        }
    }

    /// Decides about a shop's token by itself.
    ///
    /// # Errors
    /// It does not count.
    pub(crate) fn shop(&self, token: &str, moment: &Moment<'_>) -> Result<(WayName, Person), EntryProblem> {
        let scene = self.scene_of(moment, Bond::of(&[0; 16], token.as_bytes()));
        let shops: Vec<_> =
            self.ways.iter().filter(|way| self.policy.kind(way.name()) == Some(&WayKind::Shop)).collect();
        let hearsay = shop_hearsay(token);
        let named = shops.iter().find(|way| way.issuer().is_some() && way.issuer() == hearsay.as_deref());
        let way = named.or(shops.first()).ok_or(EntryProblem::NotAsked)?;
        match way.judge(&fairgate_entry::way::Shown::Shop(token), &scene) {
            Judgement::Shown(person) => Ok((way.name().clone(), person)),
            _ => Err(self.refused(way.name().clone(), Reason::TokenWrong, &scene, moment.address).into_problem()),
        }
    }

    /// Asks shops for their keys where that is due; `is_stale` says that a token did not count. Answers whether a shop has
    /// others now.
    pub(crate) async fn refresh_shops(&self, is_stale: bool, now_ms: u64) -> bool {
        let mut are_new = false;
        for shop in &self.remote_shops {
            are_new |= shop.refresh(is_stale, now_ms).await;
        }
        are_new
    }

    /// What sends codes by mail.
    pub(crate) fn mailer(&self) -> Option<&Arc<Mailer>> {
        self.mailer.as_ref()
    }

    /// Issuers of private access tokens.
    pub(crate) fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// The OpenID provider of a name.
    pub(crate) fn sign_in(&self, name: &str) -> Option<&SignInProvider> {
        self.oidc.iter().find(|provider| provider.name().as_str() == name)
    }

    /// The tag of the network that a call comes from.
    pub(crate) fn network_tag(&self, moment: &Moment<'_>) -> NetworkTag {
        self.load.tag(moment.draw, moment.address)
    }

    /// What makes the tags of identities in a draw.
    pub(crate) fn tag_key(&self, draw: &[u8; 32]) -> DrawKey {
        self.identity.for_draw(draw)
    }

    /// The challenge provider of a name.
    pub(crate) fn challenge(&self, name: &str) -> Option<&Challenge> {
        self.challenges.iter().find(|challenge| challenge.name().as_str() == name)
    }

    /// What a way may know of a moment, for an entry.
    pub(crate) fn scene_of<'s>(&'s self, moment: &Moment<'s>, bond: Bond) -> Scene<'s> {
        self.scene(moment.draw, moment.now_ms, bond, self.load.crowd())
    }

    /// Ways that an organizer lets this very entry pass, after it was refused by them. Whoever shows a code that is the
    /// identity enters as the holder of that code, once.
    fn let_pass(&self, show: &Show<'_>, nonce: &[u8; 16], bond: Bond, draw: &[u8; 32]) -> Vec<(WayName, Person)> {
        let overruled = self.overruled.load();
        if overruled.has_no_references() {
            return Vec::new();
        }
        let code = show.code.and_then(Code::read);
        let person = |way: &WayName, reason: Reason| -> Option<Person> {
            let is_identity = self.policy.identity().any(|own| own == way);
            match (is_identity, reason, &code) {
                (false, ..) => Some(Person::checked()),
                (true, Reason::CodeUnknown, Some(code)) => {
                    Identity::new(Method::invite(), code.as_str()).ok().map(|identity| Person::of(identity, None))
                }
                (true, ..) => None,
            }
        };
        // A code is told to be used up before anybody knows what else was shown.
        let used = Bond::of(nonce, b"");
        let refusals = [
            (Reason::WorkWrong, bond),
            (Reason::ChallengeFailed, bond),
            (Reason::CodeUnknown, bond),
            (Reason::CodeUsed, used),
        ];
        let mut passed = Vec::new();
        for (reason, bond) in refusals {
            let reference = Reference::of(&self.references, draw, NO_POSITION, bond.bytes(), reason);
            let Some((Verdict::LetIn, kind)) = overruled.reference(draw, &reference) else { continue };
            let ways = self.policy.any_of().iter().chain(self.policy.all_of()).chain(self.policy.identity());
            for way in ways.filter(|way| self.policy.kind(way).is_some_and(|own| own.word() == kind)) {
                if !passed.iter().any(|(own, _)| own == way) {
                    passed.extend(person(way, reason).map(|person| (way.clone(), person)));
                }
            }
        }
        passed
    }

    /// True if an organizer lets the entry of this bond pass a challenge that it has failed.
    pub(crate) fn passes_challenge(&self, scene: &Scene<'_>) -> bool {
        let about = scene.bond.bytes();
        let reference = Reference::of(&self.references, scene.draw, NO_POSITION, about, Reason::ChallengeFailed);
        matches!(self.overruled.load().reference(scene.draw, &reference), Some((Verdict::LetIn, _)))
    }

    fn required(&self, required: Required, show: &Show<'_>, scene: &Scene<'_>, starts_at_ms: u64) -> EntryProblem {
        let Required { any_of, missing } = required;
        let lacks_work = any_of.iter().chain(&missing).any(|way| way.as_str() == WayName::WORK);
        let wait = lacks_work.then(|| self.note(show, scene, starts_at_ms));
        EntryProblem::Required(Missing { any_of, all_of: self.policy.all_of().to_vec(), missing, wait })
    }

    /// The note that was shown, where it is one of ours and only early; else a new one.
    fn note(&self, show: &Show<'_>, scene: &Scene<'_>, starts_at_ms: u64) -> Note {
        let shown = show.wait.and_then(|note| Some((note, self.wait.not_before_ms(note, scene.draw, &scene.bond)?)));
        match shown {
            Some((note, not_before_ms)) => Note { note: note.to_owned(), not_before_ms },
            None => self.new_note(scene.draw, &scene.bond, scene.now_ms, starts_at_ms),
        }
    }

    /// A note that lets an entry wait instead of working.
    pub(crate) fn new_note(&self, draw: &[u8; 32], bond: &Bond, now_ms: u64, starts_at_ms: u64) -> Note {
        let not_before_ms = now_ms + wait_ms(now_ms, starts_at_ms);
        Note { note: self.wait.note(draw, bond, not_before_ms), not_before_ms }
    }

    /// A challenge for ALTCHA's widget, where the room offers it.
    pub(crate) fn altcha(&self, bond: Bond, moment: &Moment<'_>) -> Option<String> {
        let altcha = self.altcha.as_ref()?;
        let effort = self.load.asked(self.load.crowding(moment.draw, moment.address, moment.now_ms));
        Some(altcha.challenge(&self.scene(moment.draw, moment.now_ms, bond, effort)))
    }

    /// The work in a payload of ALTCHA's widget.
    fn open_altcha(
        &self,
        shown: &Shown,
        scene: &Scene<'_>,
        from: IpAddr,
    ) -> Result<Option<(Epoch, String)>, EntryProblem> {
        let (Some(payload), Some(altcha)) = (&shown.altcha, &self.altcha) else { return Ok(None) };
        altcha.open(payload, scene).map(Some).map_err(|_| {
            let name = WayName::new(WayName::WORK);
            name.map_or(EntryProblem::NotAsked, |way| self.refused(way, Reason::WorkWrong, scene, from).into_problem())
        })
    }

    /// Ways that stand for others while their providers do not answer.
    fn away(&self, policy: OnFailure) -> Vec<WayName> {
        let is_away = |challenge: &&Challenge| challenge.on_failure() == policy && challenge.is_away();
        self.challenges.iter().filter(is_away).map(|challenge| challenge.name().clone()).collect()
    }

    /// Counts a code that has the form of one of ours and is none: a typing error would be seen by its check character.
    fn note_guess(&self, reason: Reason, show: &Show<'_>, moment: &Moment<'_>) {
        let is_guess =
            reason == Reason::CodeUnknown && show.code.and_then(Code::read).is_some_and(|code| code.is_checked());
        if is_guess && self.load.note_guess(moment.draw, moment.address, moment.now_ms) {
            tracing::error!(
                alarm = "entry.codes.guessing",
                room = self.room,
                "a thousand codes in a minute are none of this room's: somebody is guessing. Ask for `work` first, or for codes of more \
                 characters"
            );
        }
    }

    /// The code that let somebody in, where the store has to count its uses.
    fn code_shown(&self, show: &Show<'_>, entrant: &Entrant, now_ms: u64) -> Option<CodeShown> {
        let is_code = |way: &WayName| way.as_str() == WayName::CODE;
        if !entrant.by.iter().any(is_code) || self.policy.identity().any(is_code) {
            return None;
        }
        let campaigns = self.campaigns.load();
        let found = campaigns.find(&Code::read(show.code?)?, now_ms)?;
        let terms = campaigns.terms().nth(found.campaign)?;
        Some(CodeShown { campaign: terms.campaign.to_string(), rank: found.rank, uses: terms.entries })
    }

    /// Until when what an entry was let in by counts.
    fn until_s(&self, show: &Show<'_>, entrant: &Entrant, scene: &Scene<'_>) -> Option<u32> {
        let is_by = |name: &str| entrant.by.iter().any(|way| way.as_str() == name);
        let until_ms = if is_by(WayName::WORK) {
            Epoch(show.work?.0).until_ms()
        } else if is_by(WayName::WAIT) {
            self.wait.not_before_ms(show.wait?, scene.draw, &scene.bond)? + NOTE_GOOD_MS
        } else {
            return None;
        };
        u32::try_from(until_ms / 1000).ok()
    }

    /// Ways of which one is asked at the claim, because of what is known now.
    fn owes(&self, facts: &Facts) -> (Vec<WayName>, Vec<Signal>) {
        let score = Score::of(facts, self.load.free());
        for (signal, _) in score.signals() {
            self.metrics.observe_signal(*signal);
        }
        if !score.is_suspicious(self.policy.suspicious_at) || self.policy.suspicious().is_empty() {
            return (Vec::new(), Vec::new());
        }
        (self.policy.suspicious().to_vec(), score.signals().iter().map(|(signal, _)| *signal).collect())
    }
}

/// The ways of a room with its lists of codes.
pub(super) fn all_ways(ways: &[Arc<dyn Way>], codes: &Campaigns) -> Ways {
    let has_codes = codes.terms().next().is_some();
    let code = WayName::new(WayName::CODE).ok().filter(|_| has_codes);
    let code = code.map(|name| Arc::new(CodeWay::new(name, codes.clone())) as Arc<dyn Way>);
    Ways::new(code.into_iter().chain(ways.iter().cloned()).collect())
}

fn show<'a>(joining: &Joining<'a>) -> Show<'a> {
    let shown = joining.shown;
    Show {
        work: shown.work.as_ref().map(|work| (work.e, work.s.as_str())),
        wait: shown.wait.as_deref(),
        code: shown.code.as_deref(),
        shop: shown.shop.as_deref(),
        vouchers: joining.vouchers.to_vec(),
    }
}
