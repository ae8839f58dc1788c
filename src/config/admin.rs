//! `[admin]`: the listener for organizers, SREs and Prometheus.
//!
//! The file names the environment variables that hold tokens; the tokens themselves are looked up at the start.

use std::net::SocketAddr;

use fairgate_telemetry::secret::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reader::Section;
use super::value::Word;

const TOKEN_ENV: &str = "FAIRGATE_ADMIN_TOKEN";
const TOKEN_BYTES_MIN: usize = 16;

/// The listener and who may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// Where it listens; loopback unless said otherwise.
    pub listen: SocketAddr,
    /// The names by which it may be asked, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// True if people are served the console, in a browser.
    pub console: bool,
    /// Proxies with TLS in front of the listener, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the tokens come from.
    pub tokens: Vec<TokenSource>,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSource {
    /// Who uses it, for the audit log.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The environment variable that holds it.
    pub token_env: String,
    /// True if the edge may start without the token.
    pub optional: bool,
}

/// What a person may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Messages, sold out, the end of the sale, pause and resume.
    Organizer,
    /// Rates and caps.
    Sre,
}

/// A token with its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminToken {
    /// Who uses it, for the audit log.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The token.
    pub secret: Secret,
}

impl AdminConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let named = section.sections("tokens", TokenSource::read);
        let listen = section.get_or("listen", SocketAddr::from(([127, 0, 0, 1], 9090)));
        let hosts = section.get_or("hosts", Vec::new());
        let trusted_proxies = section.get_or("trusted_proxies", Vec::new());
        let console = read_console(section, listen, &trusted_proxies);
        let token_env: Option<String> = section.get("token_env");
        let mut tokens = named?;
        // The variable that everybody's quick start uses may be missing; one that was asked for may not.
        let optional = token_env.is_none();
        if !optional || tokens.is_empty() {
            let token_env = token_env.unwrap_or_else(|| TOKEN_ENV.into());
            tokens.push(TokenSource { name: "admin".into(), role: Role::Sre, token_env, optional });
        }
        Some(Self { listen, hosts, console, trusted_proxies, tokens })
    }

    /// Looks the tokens up. None at all closes the admin API; health and metrics stay open.
    ///
    /// # Errors
    /// A sentence for each token that is missing or too short.
    pub fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<Vec<AdminToken>, Vec<String>> {
        let (mut tokens, mut problems) = (Vec::new(), Vec::new());
        for source in &self.tokens {
            let TokenSource { name, token_env, .. } = source;
            match env(token_env).filter(|token| !token.is_empty()) {
                None if source.optional => {}
                None => problems.push(format!("{token_env} is not set; it must hold the admin token of {name}")),
                Some(token) if token.len() < TOKEN_BYTES_MIN => problems.push(format!(
                    "{token_env} has fewer than {TOKEN_BYTES_MIN} characters; make one with `openssl rand -hex 32`"
                )),
                Some(token) => {
                    tokens.push(AdminToken { name: name.clone(), role: source.role, secret: Secret::new(token) });
                }
            }
        }
        if problems.is_empty() { Ok(tokens) } else { Err(problems) }
    }
}

/// A console that others than this machine reach needs TLS: its cookie would be read on the way.
fn read_console(section: &Section<'_>, listen: SocketAddr, proxies: &[IpNet]) -> bool {
    let is_safe = listen.ip().is_loopback() || !proxies.is_empty();
    let console = section.get_or("console", is_safe);
    section.check(
        is_safe || !console,
        "console",
        format!("is on, and {listen} can be reached from other machines without TLS: its cookie could be read on the way"),
        "name the proxies with TLS that stand in front in admin.trusted_proxies, listen on 127.0.0.1, or write console = false",
    );
    console
}

impl TokenSource {
    fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", r#""maria""#);
        let role = section.require("role", r#""viewer""#);
        let token_env = section.require("token_env", r#""FAIRGATE_TOKEN_MARIA""#);
        Some(Self { name: name?, role: role?, token_env: token_env?, optional: false })
    }
}

impl Word for Role {
    const WORDS: &'static [(&'static str, Self)] =
        &[("viewer", Self::Viewer), ("organizer", Self::Organizer), ("sre", Self::Sre)];
}
