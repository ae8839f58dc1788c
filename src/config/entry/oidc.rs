//! `[[room.entry.oidc]]`: OpenID providers that fans sign in with.

use std::collections::BTreeMap;

use fairgate_draw::v2::Method;
use fairgate_entry::oidc::{ClaimRules, SubjectClaim};
use fairgate_entry::way::WayName;

use super::reading::{Reading, read_rate, read_variable, require_text};
use super::tier_indexes;
use super::url::SafeUrl;
use crate::config::reader::Section;
use crate::config::times::Instant;
use crate::config::value::Word;

const OPENID: &str = "openid";
const EMAIL: &str = "email";
/// The key of `tiers` that names the claim.
const CLAIM: &str = "claim";

/// A provider as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcConfig {
    /// The way's name, which is also what the page says.
    pub name: WayName,
    /// The issuer, byte for byte as ID tokens name it.
    pub issuer: String,
    /// Our id at the provider.
    pub client_id: String,
    /// The environment variable with our secret at the provider.
    pub client_secret_env: String,
    /// What is asked of the provider, `openid` among it.
    pub scopes: Vec<String>,
    /// The claim that names the person.
    pub subject: SubjectClaim,
    /// The claim that says the tier.
    pub tier_claim: Option<String>,
    /// Names of tiers by what the claim says.
    pub tiers: BTreeMap<String, String>,
    /// Sign-ins that the fleet begins a second.
    pub per_second: u32,
    /// From when on fans may sign in, Unix ms.
    pub open_from_ms: u64,
}

impl OidcConfig {
    pub(super) fn read(section: &Section<'_>, reading: &Reading<'_>) -> Option<Self> {
        let name = reading.name(section, None);
        let issuer = read_issuer(section, reading);
        let client_id = require_text(section, "client_id", r#""fairgate""#);
        let client_secret_env = read_variable(section, "client_secret_env", None);
        let scopes = section.given_or("scopes", vec![OPENID.to_owned()]);
        let subject = section.get_or("subject", SubjectClaim::Sub);
        if let Some(scopes) = &scopes {
            check_scopes(section, scopes, subject);
        }
        let (tier_claim, tiers) = read_tiers(section, reading);
        let per_second = read_rate(section, "per_second", 50);
        let open_from = section.get("open_from").map(|from: Instant| from.at_ms).or(reading.opens_at_ms());
        Some(Self {
            name: name?,
            issuer: issuer?,
            client_id: client_id?,
            client_secret_env: client_secret_env?,
            scopes: scopes?,
            subject,
            tier_claim,
            tiers,
            per_second,
            open_from_ms: open_from.unwrap_or_default(),
        })
    }

    /// How claims become a person, by the names of the room's tiers in order of their indexes.
    #[must_use]
    pub fn claim_rules(&self, tiers: &[String]) -> ClaimRules {
        ClaimRules {
            issuer: self.issuer.clone(),
            subject: self.subject,
            tier_claim: self.tier_claim.clone(),
            tiers: tier_indexes(&self.tiers, tiers),
        }
    }
}

fn read_issuer(section: &Section<'_>, reading: &Reading<'_>) -> Option<String> {
    let issuer = require_text(section, "issuer", r#""https://id.example""#)?;
    let is_new = reading.is_new_issuer("oidc", &issuer);
    let what = format!("has a second client of {issuer:?}, and a person's subject may differ from client to client");
    section.check(is_new, "issuer", what, "keep one client of each issuer");
    let fits = SafeUrl::parse(&issuer).is_some() && !issuer.contains('?') && Method::oidc(&issuer).is_ok();
    section.check(
        fits,
        "issuer",
        "is no issuer",
        r#"write `issuer` of the provider's /.well-known/openid-configuration, byte for byte: an https:// address in ASCII"#,
    );
    Some(issuer).filter(|_| fits && is_new)
}

fn check_scopes(section: &Section<'_>, scopes: &[String], subject: SubjectClaim) {
    let has = |scope: &str| scopes.iter().any(|own| own == scope);
    let is_word = |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
    let is_spelled = scopes.iter().all(is_word);
    section.check(is_spelled, "scopes", "has a text that is no scope", "write one scope a text, without spaces");
    section.check(has(OPENID), "scopes", "lacks openid, so there is no ID token", r#"write ["openid"], and others"#);
    section.check(
        subject != SubjectClaim::Email || has(EMAIL),
        "scopes",
        "lacks email, which subject = \"email\" needs",
        r#"write ["openid", "email"]"#,
    );
}

/// The claim that says the tier, and names of tiers by what it says.
fn read_tiers(section: &Section<'_>, reading: &Reading<'_>) -> (Option<String>, BTreeMap<String, String>) {
    let mut tiers: BTreeMap<String, String> = section.get_or("tiers", BTreeMap::new());
    let claim = tiers.remove(CLAIM);
    section.check(
        claim.is_some() != tiers.is_empty(),
        "tiers",
        "needs the name of the claim and at least one of its values",
        r#"write { claim = "level", gold = "members" }: whoever's `level` is `gold` is in the tier `members`"#,
    );
    reading.check_tier(section, "tiers", tiers.values());
    (claim, tiers)
}

impl Word for SubjectClaim {
    const WORDS: &'static [(&'static str, Self)] = &[("sub", Self::Sub), ("email", Self::Email)];
}
