//! `[[room.entry.provider]]`: challenge providers that speak the siteverify contract.

use fairgate_core::request::host::canonical_host;
use fairgate_entry::provider::{OnFailure, ProviderConfig, ProviderKind};

use super::reading::{Reading, read_variable, require_text};
use super::url::SafeUrl;
use crate::config::reader::Section;
use crate::config::value::{Share, Word};

/// The least score of reCAPTCHA v3 that passes, unless configured.
const SCORE_MIN: Share = Share(0.5);
const ACTION_BYTES_MAX: usize = 32;

/// A provider as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderSettings {
    /// What its way decides by.
    pub way: ProviderConfig,
    /// The environment variable with the secret.
    pub secret_env: String,
    /// Where answers are verified.
    pub url: SafeUrl,
}

/// Every score that is read is a number from 0 to 1, so equality is one.
impl Eq for ProviderSettings {}

impl ProviderSettings {
    pub(super) fn read(section: &Section<'_>, reading: &Reading<'_>) -> Option<Self> {
        let kind: Option<ProviderKind> = section.require("kind", r#""turnstile""#);
        let name = reading.name(section, Some(kind.map_or("challenge", ProviderKind::as_str)));
        let sitekey = require_text(section, "sitekey", r#""0x4AAAAAAA…""#);
        let secret_env = read_variable(section, "secret_env", None);
        let hostnames = read_hostnames(section);
        let action = read_action(section);
        let Share(score_min) = section.get_or("score_min", SCORE_MIN);
        let on_failure = section.get_or("on_failure", OnFailure::Later);
        let url = section.given_or("url", SafeUrl::parse(kind.unwrap_or(ProviderKind::Turnstile).url())?);
        let (name, hostnames) = (name?, hostnames?);
        section.check(
            !hostnames.is_empty() || !reading.is_any_host() || !reading.is_asked(name.as_str()),
            "hostnames",
            "is missing: the room is for any host, so an answer for another site could not be told apart",
            r#"add hostnames = ["tickets.example"], or name the room's hosts"#,
        );
        let way =
            ProviderConfig { name, kind: kind?, sitekey: sitekey?, hostnames, action: action?, score_min, on_failure };
        Some(Self { way, secret_env: secret_env?, url: url? })
    }
}

fn read_hostnames(section: &Section<'_>) -> Option<Vec<String>> {
    let hostnames: Vec<String> = section.given_or("hostnames", Vec::new())?;
    for hostname in &hostnames {
        let fits = canonical_host(hostname).is_ok_and(|canonical| canonical == hostname.as_str());
        let what = format!("{hostname:?} is not a host name");
        section.check(fits, "hostnames", what, "write names in lower case, without a scheme or port");
    }
    Some(hostnames)
}

/// What all three providers take as an action.
fn read_action(section: &Section<'_>) -> Option<String> {
    let action: String = section.given_or("action", "join".to_owned())?;
    let fits = (1..=ACTION_BYTES_MAX).contains(&action.len())
        && action.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let remedy = format!("write 1 to {ACTION_BYTES_MAX} letters, digits or _, like \"join\"");
    section.check(fits, "action", format!("{action:?} is no action"), remedy);
    fits.then_some(action)
}

impl Word for ProviderKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("turnstile", Self::Turnstile), ("hcaptcha", Self::Hcaptcha), ("recaptcha", Self::Recaptcha)];
}

impl Word for OnFailure {
    const WORDS: &'static [(&'static str, Self)] =
        &[("later", Self::Later), ("refuse", Self::Refuse), ("pass", Self::Pass)];
}
