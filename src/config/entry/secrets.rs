//! What the environment has for `[room.entry]`.
//!
//! Guarantee: no secret is in a message, and none can be printed.

use fairgate_entry::keys::{IdentityKey, IdentityKeyError};
use fairgate_entry::shop::HS256_BYTES_MIN;
use fairgate_telemetry::secret::Secret;

use super::{EntryConfig, ShopKeySource};

const SMTP_USER_ENV: &str = "FAIRGATE_SMTP_USER";
const SMTP_PASSWORD_ENV: &str = "FAIRGATE_SMTP_PASSWORD";

/// The secrets of a room's entry, in the order of the configuration.
#[derive(Clone, Debug)]
pub struct EntrySecrets {
    /// k; nothing where the room asks nothing and the variable is not set.
    pub identity: Option<IdentityKey>,
    /// A secret a challenge provider.
    pub providers: Vec<Secret>,
    /// A secret a shop; nothing for one with public keys.
    pub shops: Vec<Option<Secret>>,
    /// A client secret an OpenID provider.
    pub oidc: Vec<Secret>,
    /// User and password of the mail server, where it wants them.
    pub mail: Option<MailLogin>,
}

/// User and password of the mail server.
#[derive(Clone, Debug)]
pub struct MailLogin {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

impl EntryConfig {
    /// Looks the secrets up.
    ///
    /// # Errors
    /// A sentence for each that is missing or cannot be one.
    pub fn resolve(&self, env: impl Fn(&str) -> Option<String>) -> Result<EntrySecrets, Vec<String>> {
        let mut lookup = Lookup { env: |name: &str| env(name).filter(|value| !value.is_empty()), problems: Vec::new() };
        let identity = lookup.identity(&self.identity_key_env, self.needs_key());
        let providers = self.providers.iter().map(|provider| {
            lookup.required(&provider.secret_env, &format!("the secret of {}", provider.way.name)).unwrap_or_default()
        });
        let providers: Vec<String> = providers.collect();
        let mut shops = Vec::new();
        for shop in &self.shops {
            shops.push(match &shop.key {
                ShopKeySource::Variable(variable) => lookup.shop(variable, shop.name.as_str()),
                ShopKeySource::File(_) | ShopKeySource::Url(_) => None,
            });
        }
        let oidc = self.oidc.iter().map(|client| {
            lookup.required(&client.client_secret_env, &format!("our secret at {}", client.name)).unwrap_or_default()
        });
        let oidc: Vec<String> = oidc.collect();
        let mail = self.mail.as_ref().and_then(|_| lookup.mail());
        if !lookup.problems.is_empty() {
            return Err(lookup.problems);
        }
        Ok(EntrySecrets {
            identity,
            providers: providers.into_iter().map(Secret::new).collect(),
            shops: shops.into_iter().map(|secret| secret.map(Secret::new)).collect(),
            oidc: oidc.into_iter().map(Secret::new).collect(),
            mail,
        })
    }
}

/// A lookup under way, with what was missing so far.
struct Lookup<E> {
    env: E,
    problems: Vec<String>,
}

impl<E: Fn(&str) -> Option<String>> Lookup<E> {
    fn identity(&mut self, variable: &str, is_needed: bool) -> Option<IdentityKey> {
        const REMEDY: &str = "make one with `openssl rand -hex 32`, the same for every edge";
        match (self.env)(variable).map(|text| IdentityKey::from_hex(&text)) {
            None if is_needed => {
                self.problems.push(format!("{variable} is not set; it must hold the identity key: {REMEDY}"));
                None
            }
            None => None,
            Some(Ok(key)) => Some(key),
            Some(Err(error @ (IdentityKeyError::Form | IdentityKeyError::Example))) => {
                self.problems.push(format!("{variable}: {error}"));
                None
            }
        }
    }

    fn required(&mut self, variable: &str, what: &str) -> Option<String> {
        let value = (self.env)(variable);
        if value.is_none() {
            self.problems.push(format!("{variable} is not set; it must hold {what}"));
        }
        value
    }

    fn shop(&mut self, variable: &str, name: &str) -> Option<String> {
        let secret = self.required(variable, &format!("the secret that {name} signs tokens with"))?;
        if secret.len() >= HS256_BYTES_MIN {
            return Some(secret);
        }
        self.problems.push(format!(
            "{variable} has fewer than {HS256_BYTES_MIN} bytes; make a secret with `openssl rand -base64 48`, and give \
             it to {name} as well"
        ));
        None
    }

    fn mail(&mut self) -> Option<MailLogin> {
        match ((self.env)(SMTP_USER_ENV), (self.env)(SMTP_PASSWORD_ENV)) {
            (Some(user), Some(password)) => Some(MailLogin { user, password: Secret::new(password) }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let message = "set both, or none where the mail server asks nobody";
                self.problems.push(format!("only one of {SMTP_USER_ENV} and {SMTP_PASSWORD_ENV} is set; {message}"));
                None
            }
        }
    }
}
