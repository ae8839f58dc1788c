//! `[[room.entry.shop]]`: shops whose tokens say who somebody is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fairgate_entry::shop::{Shop, ShopKey};
use fairgate_entry::way::WayName;
use toml::de::DeValue;

use super::reading::{Reading, read_variable, require_text};
use super::tier_indexes;
use super::url::SafeUrl;
use crate::config::reader::Section;
use crate::config::times::Span;
use crate::config::value::{Misfit, Value};

const NAME: &str = "shop";
const MAX_AGE: Span = Span::seconds(10 * 60);

/// A shop as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopConfig {
    /// The way's name.
    pub name: WayName,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where the key comes from that tokens are signed with.
    pub key: ShopKeySource,
    /// Names of tiers by what the token calls them.
    pub tiers: BTreeMap<String, String>,
    /// Longest time between `iat` and `exp`, seconds.
    pub max_age_s: u64,
}

/// Where the key of a shop's tokens comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShopKeySource {
    /// HS256: the environment variable with the secret of at least 32 bytes.
    Variable(String),
    /// A JWKS document in a file.
    File(PathBuf),
    /// A JWKS document of the shop's server.
    Url(SafeUrl),
}

impl ShopConfig {
    pub(super) fn read(section: &Section<'_>, reading: &Reading<'_>) -> Option<Self> {
        let name = reading.name(section, Some(NAME));
        let issuer = require_text(section, "issuer", r#""https://shop.example""#);
        if let Some(issuer) = &issuer {
            let is_new = reading.is_new_issuer("shop", issuer);
            let what = format!("two shops sign as {issuer:?}, so a token would not say whose it is");
            section.check(is_new, "issuer", what, "give each shop its own issuer");
        }
        let key = read_key(section);
        let tiers: BTreeMap<String, String> = section.get_or("tiers", BTreeMap::new());
        reading.check_tier(section, "tiers", tiers.values());
        let max_age_ms = section.timeout("max_age", MAX_AGE);
        let what = "is shorter than a second, and times in tokens are whole seconds";
        section.check(max_age_ms >= 1000 || max_age_ms == 0, "max_age", what, r#"write "10m""#);
        Some(Self { name: name?, issuer: issuer?, key: key?, tiers, max_age_s: max_age_ms / 1000 })
    }

    /// The shop as a way, with its key, by the names of the room's tiers in order of their indexes.
    #[must_use]
    pub fn way(&self, key: ShopKey, tiers: &[String]) -> Shop {
        Shop {
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            key,
            tiers: tier_indexes(&self.tiers, tiers),
            max_age_s: self.max_age_s,
        }
    }
}

fn read_key(section: &Section<'_>) -> Option<ShopKeySource> {
    // Both are asked for before either is judged, or the other would pass for unknown.
    let jwks: Option<ShopKeySource> = section.get("jwks");
    let variable = read_variable(section, "hs256_env", Some("FAIRGATE_SHOP_SECRET"));
    match (section.has("hs256_env"), section.has("jwks")) {
        (true, true) => {
            section.problem("jwks", "stands beside hs256_env", "keep one: it fixes the algorithm of the shop's tokens");
            None
        }
        (false, true) => jwks,
        (true, false) => variable.map(ShopKeySource::Variable),
        (false, false) => {
            let remedy =
                r#"add it, for example: hs256_env = "FAIRGATE_SHOP_SECRET"; or jwks with the shop's public keys"#;
            section.problem("hs256_env", "is missing", remedy);
            None
        }
    }
}

impl Value for ShopKeySource {
    fn kind() -> String {
        "path or URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        match text.contains("://") {
            true => SafeUrl::read(value).map(Self::Url),
            false => PathBuf::read(value).map(Self::File),
        }
    }
}
