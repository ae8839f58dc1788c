//! `[[room.entry.private_token]]`: issuers of private access tokens.

use fairgate_core::request::host::canonical_host;
use fairgate_entry::private_token::{ISSUER_KEYS_MAX, IssuerKey};

use super::PRIVATE_TOKEN;
use super::reading::{Reading, require_text};
use super::url::SafeUrl;
use crate::config::reader::Section;

/// An issuer as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivateTokenConfig {
    /// The issuer's name, a host.
    pub issuer: String,
    /// Where its keys come from.
    pub keys: IssuerKeySource,
}

/// Two keys are the same if their hashes are.
impl Eq for PrivateTokenConfig {}

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq)]
pub enum IssuerKeySource {
    /// They stand in the file.
    Keys(Vec<IssuerKey>),
    /// The issuer's directory.
    Directory(SafeUrl),
}

impl PrivateTokenConfig {
    pub(super) fn read(section: &Section<'_>, reading: &Reading<'_>) -> Option<Self> {
        let issuer = require_text(section, "issuer", r#""issuer.example""#);
        if let Some(issuer) = &issuer {
            let is_host = canonical_host(issuer).is_ok_and(|canonical| canonical == issuer.as_str());
            let what = format!("{issuer:?} is not a host name");
            section.check(is_host, "issuer", what, "write the issuer's host in lower case, without https://");
            let is_new = reading.is_new_issuer("private_token", issuer);
            section.check(is_new, "issuer", format!("{issuer:?} stands twice"), "write all its keys into one table");
        }
        section.check(
            !reading.is_any_host() || !reading.is_asked(PRIVATE_TOKEN),
            "issuer",
            "cannot be asked: the room is for any host, so any site could have asked for the tokens",
            r#"name the room's hosts, like hosts = ["tickets.example"]"#,
        );
        let keys = read_keys(section);
        Some(Self { issuer: issuer?, keys: keys? })
    }
}

fn read_keys(section: &Section<'_>) -> Option<IssuerKeySource> {
    let written: Option<Vec<String>> = section.get("keys");
    let directory: Option<SafeUrl> = section.get("directory");
    match (section.has("keys"), section.has("directory")) {
        (true, false) => parse_keys(section, &written?).map(IssuerKeySource::Keys),
        (false, true) => directory.map(IssuerKeySource::Directory),
        (true, true) => {
            section.problem("directory", "stands beside keys", "keep one: the directory follows the issuer's new keys");
            None
        }
        (false, false) => {
            let remedy = r#"add it, for example: directory = "https://issuer.example/.well-known/private-token-issuer-directory"; or the keys themselves as `keys`"#;
            section.problem("directory", "is missing", remedy);
            None
        }
    }
}

fn parse_keys(section: &Section<'_>, written: &[String]) -> Option<Vec<IssuerKey>> {
    let number = written.len();
    let fits = (1..=ISSUER_KEYS_MAX).contains(&number);
    section.check(fits, "keys", format!("has {number} keys"), format!("write 1 to {ISSUER_KEYS_MAX}"));
    let parse = |text: &String| {
        let key = IssuerKey::read(text);
        let remedy = "copy `token-key` of a key with `token-type` 2 from the issuer's directory";
        section.check(key.is_ok(), "keys", "has a text that is no RSA key of 2048 bits in base64url", remedy);
        key.ok()
    };
    let keys: Vec<Option<IssuerKey>> = written.iter().map(parse).collect();
    keys.into_iter().collect::<Option<Vec<_>>>().filter(|_| fits)
}
