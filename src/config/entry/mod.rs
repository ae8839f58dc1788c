//! `[room.entry]`: what is asked of those who enter, and the ways to show it.
//!
//! Guarantees:
//! - a way that is named anywhere is configured, and nothing that it needs is missing
//! - no secret stands in the file or in a message: the file names environment variables, which are looked up at the start
//!
//! What a room asks is one [`EntryPolicy`]. Each way has a file and a type with the settings that `fairgate_entry` takes.
//! Tiers are names here. [`EntryConfig::tier_names`] lists them, and each way turns them into indexes by the room's tiers.

mod codes;
mod mail;
mod networks;
mod oidc;
mod private_token;
mod provider;
mod reading;
mod secrets;
mod shop;
mod told;
mod url;
mod warnings;
mod work;

use std::collections::BTreeMap;
use std::path::PathBuf;

use fairgate_draw::v2::Methods;
use fairgate_entry::policy::{Binding, EntryPolicy, EntrySettings, SUSPICIOUS_AT, WayKind};
use fairgate_entry::way::WayName;

pub use codes::CodesConfig;
pub use mail::{LARGE_DOMAINS, MailConfig, SmtpServer};
pub(crate) use networks::read_networks;
pub use oidc::OidcConfig;
pub use private_token::{IssuerKeySource, PrivateTokenConfig};
pub use provider::ProviderSettings;
pub(super) use reading::RoomFacts;
pub use secrets::{EntrySecrets, MailLogin};
pub use shop::{ShopConfig, ShopKeySource};
pub use url::SafeUrl;
pub(super) use warnings::warnings;
pub use work::WorkConfig;

use self::reading::{Reading, read_variable};
use super::reader::Section;
use super::value::Word;

/// The variable with the identity key, unless configured.
pub const IDENTITY_KEY_ENV: &str = "FAIRGATE_IDENTITY_KEY";
/// The name of the way of private access tokens.
pub const PRIVATE_TOKEN: &str = "private-token";

/// What a room asks of those who enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryConfig {
    /// What is asked, of whom and when.
    pub policy: EntryPolicy,
    /// The environment variable with the identity key k.
    pub identity_key_env: String,
    /// The file with the organizer's table of networks.
    pub networks: Option<PathBuf>,
    /// Proof of work.
    pub work: WorkConfig,
    /// Challenge providers.
    pub providers: Vec<ProviderSettings>,
    /// Issuers of private access tokens: all of them are the one way [`PRIVATE_TOKEN`].
    pub private_tokens: Vec<PrivateTokenConfig>,
    /// Campaigns of codes: all of them are the one way [`WayName::CODE`].
    pub codes: Vec<CodesConfig>,
    /// Shops whose tokens count.
    pub shops: Vec<ShopConfig>,
    /// OpenID providers.
    pub oidc: Vec<OidcConfig>,
    /// Codes by mail.
    pub mail: Option<MailConfig>,
}

impl EntryConfig {
    /// Reads `[room.entry]`.
    pub(super) fn read(section: &Section<'_>, room: RoomFacts<'_>) -> Option<Self> {
        let lists = read_lists(section);
        let reading = Reading::new(room, &lists);
        let identity_key_env = read_variable(section, "identity_key_env", Some(IDENTITY_KEY_ENV));
        let networks = networks::read(section);
        let work = section.section("work", WorkConfig::read);
        let providers = section.sections("provider", |way| ProviderSettings::read(way, &reading));
        let private_tokens = section.sections("private_token", |way| PrivateTokenConfig::read(way, &reading));
        let codes = section.sections("codes", |way| CodesConfig::read(way, &reading));
        let shops = section.sections("shop", |way| ShopConfig::read(way, &reading));
        let oidc = section.sections("oidc", |way| OidcConfig::read(way, &reading));
        let mail = section.optional("mail", MailConfig::read);
        let mut config = Self {
            policy: EntryPolicy::new(EntrySettings::default()).ok()?,
            identity_key_env: identity_key_env?,
            networks,
            work: work?,
            providers: providers?,
            private_tokens: private_tokens?,
            codes: codes?,
            shops: shops?,
            oidc: oidc?,
            mail: mail?,
        };
        config.check_numbers(section);
        config.policy = config.read_policy(section, lists?)?;
        Some(config)
    }

    /// The policy of the lists, with problems reported at their keys.
    fn read_policy(&self, section: &Section<'_>, lists: EntrySettings) -> Option<EntryPolicy> {
        match EntryPolicy::new(EntrySettings { ways: self.ways(), ..lists }) {
            Ok(policy) => Some(policy),
            Err(problems) => {
                for problem in problems {
                    let (what, remedy) = problem.message.rsplit_once("; ").unwrap_or((&problem.message, "change it"));
                    section.problem(problem.key, what, remedy);
                }
                None
            }
        }
    }

    /// A join looks at every campaign, and a page offers every way: so there are not too many.
    fn check_numbers(&self, section: &Section<'_>) {
        let numbers = [
            ("provider", self.providers.len(), reading::WAYS_MAX),
            ("private_token", self.private_tokens.len(), reading::WAYS_MAX),
            ("codes", self.codes.len(), codes::CAMPAIGNS_MAX),
            ("shop", self.shops.len(), reading::WAYS_MAX),
            ("oidc", self.oidc.len(), reading::WAYS_MAX),
        ];
        for (key, number, most) in numbers {
            let what = format!("has {number} tables");
            section.check(number <= most, key, what, format!("a room has at most {most} of them; remove some"));
        }
    }

    /// The ways that are configured, by name. Work needs nothing, so it is always there.
    fn ways(&self) -> Vec<(WayName, WayKind)> {
        let entries_max = self.codes.iter().map(|codes| codes.entries).max();
        let named = [
            Some((WayName::WORK, WayKind::Work)),
            (!self.private_tokens.is_empty()).then_some((PRIVATE_TOKEN, WayKind::PrivateToken)),
            entries_max.map(|entries_max| (WayName::CODE, WayKind::Code { entries_max })),
            self.mail.as_ref().map(|_| (WayName::MAIL, WayKind::Mail)),
        ];
        let named = named.into_iter().flatten().filter_map(|(name, kind)| Some((WayName::new(name).ok()?, kind)));
        let providers = self.providers.iter().map(|provider| (provider.way.name.clone(), WayKind::Challenge));
        let shops = self.shops.iter().map(|shop| (shop.name.clone(), WayKind::Shop));
        let oidc =
            self.oidc.iter().map(|client| (client.name.clone(), WayKind::Oidc { issuer: client.issuer.clone() }));
        named.chain(providers).chain(shops).chain(oidc).collect()
    }

    /// The methods that vouch for identities, ascending by bytes, as the draw's descriptor spells them.
    #[must_use]
    pub fn methods(&self) -> Methods {
        self.policy.methods()
    }

    /// The names of [`Self::methods`].
    #[must_use]
    pub fn method_names(&self) -> Vec<String> {
        self.methods().iter().map(ToString::to_string).collect()
    }

    /// True if a room with this configuration needs the identity key: it asks something, binds tickets, or somebody may show
    /// something.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        !self.policy.asks_nothing() || self.policy.binding != Binding::None || self.ways().len() > 1
    }

    /// The names of all ways that are configured.
    #[must_use]
    pub fn way_names(&self) -> Vec<WayName> {
        self.ways().into_iter().map(|(name, _)| name).collect()
    }

    /// Every tier that codes, shops and sign-ins give, as the file names it; some may stand several times.
    pub fn tier_names(&self) -> impl Iterator<Item = &str> {
        let codes = self.codes.iter().filter_map(|codes| codes.tier.as_deref());
        let shops = self.shops.iter().flat_map(|shop| shop.tiers.values());
        let oidc = self.oidc.iter().flat_map(|client| client.tiers.values());
        codes.chain(shops.chain(oidc).map(String::as_str))
    }
}

/// The index of a tier in the room's order; `None` for a name that is no tier, which the reader has refused.
fn tier_index(name: &str, tiers: &[String]) -> Option<u8> {
    tiers.iter().position(|tier| tier == name).and_then(|index| u8::try_from(index).ok())
}

/// Indexes of tiers by what a token or claim calls them.
fn tier_indexes(names: &BTreeMap<String, String>, tiers: &[String]) -> BTreeMap<String, u8> {
    names.iter().filter_map(|(said, name)| Some((said.clone(), tier_index(name, tiers)?))).collect()
}

/// What is asked, all names still texts; nothing where a list does not fit, so that no consequence is told.
fn read_lists(section: &Section<'_>) -> Option<EntrySettings> {
    let list = |key| section.given_or(key, Vec::<String>::new());
    let (identity, any_of, all_of) = (list("identity"), list("any_of"), list("all_of"));
    let (suspicious, claim) = (list("suspicious"), list("claim"));
    let binding = section.given_or("binding", Binding::None);
    let suspicious_at = section.given_or("suspicious_at", SUSPICIOUS_AT);
    let moves = section.given_or("moves", 1);
    Some(EntrySettings {
        ways: Vec::new(),
        identity: identity?,
        any_of: any_of?,
        all_of: all_of?,
        suspicious: suspicious?,
        claim: claim?,
        binding: binding?,
        suspicious_at: suspicious_at?,
        moves: moves?,
    })
}

impl Word for Binding {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("key", Self::Key), ("network", Self::Network)];
}
