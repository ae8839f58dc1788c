//! Who vouches for a person, by what name, and the tag that stands for both in public.
//!
//! Guarantees: one person has one spelling under a method, so one tag; a tag shows nobody's name to who does not hold the
//! key; keys are in no debug text.

use std::fmt;
use std::ops::Deref;

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::entry::{Tag, first_half};
use super::mail::spell_address;
use crate::hash::Hash;

/// The longest name of a method, in bytes: its text is printable ASCII without spaces.
const METHOD_BYTES_MAX: usize = 255;
/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 1024;
/// What begins the method of an OpenID provider; its issuer follows.
const OIDC: &str = "oidc:";
const MAIL: &str = "mail";
const INVITE: &str = "invite";
const ENQUEUE_TOKEN: &str = "enqueue-token";

/// What vouches for a person: `oidc:<issuer>`, `mail`, `invite`, `enqueue-token`, or another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Method(String);

/// The methods one of which every entrant must show an identity by, ascending by bytes; none where no identity is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Method>", into = "Vec<Method>")]
pub struct Methods(Vec<Method>);

/// A person, as a method names them, in the one spelling.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    method: Method,
    subject: String,
}

/// The operator's identity key for one draw. Who holds it can try names against the draw's tags.
#[derive(Clone)]
pub struct IdentityKey(hmac::Key);

/// Why something is no method, no list of them, or no subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a method's name.
    #[error("{0:?} is no method: give mail, invite, enqueue-token or oidc:<issuer>, in printable ASCII without spaces")]
    Method(String),
    /// A list that is not ascending.
    #[error("identity: {0:?} is out of order or stands twice; list the methods ascending by bytes, each once")]
    Order(String),
    /// Not a subject. Subjects are personal data, so the error does not repeat it.
    #[error("this is no subject of {method}: {why}")]
    Subject {
        /// The method.
        method: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Method {
    /// A method by its name.
    ///
    /// # Errors
    /// Where it is not 1 to 255 bytes of 0x21..0x7e, or an OpenID provider without an issuer.
    pub fn new(name: impl Into<String>) -> Result<Self, IdentityError> {
        let name = name.into();
        let fits = (1..=METHOD_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if fits && name != OIDC { Ok(Self(name)) } else { Err(IdentityError::Method(name)) }
    }

    /// An OpenID provider, its issuer as its `iss` claim has it.
    ///
    /// # Errors
    /// Where the issuer is empty, or not printable ASCII.
    pub fn oidc(issuer: &str) -> Result<Self, IdentityError> {
        Self::new(format!("{OIDC}{issuer}"))
    }

    /// A mail address that a code was sent to.
    #[must_use]
    pub fn mail() -> Self {
        Self(MAIL.to_owned())
    }

    /// A code that the organizer gave out.
    #[must_use]
    pub fn invite() -> Self {
        Self(INVITE.to_owned())
    }

    /// A token that the shop signed.
    #[must_use]
    pub fn enqueue_token() -> Self {
        Self(ENQUEUE_TOKEN.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Method {
    type Error = IdentityError;

    fn try_from(name: String) -> Result<Self, IdentityError> {
        Self::new(name)
    }
}

impl From<Method> for String {
    fn from(method: Method) -> Self {
        method.0
    }
}

impl Methods {
    /// A list of methods.
    ///
    /// # Errors
    /// Where they do not ascend.
    pub fn new(methods: Vec<Method>) -> Result<Self, IdentityError> {
        match methods.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => Err(IdentityError::Order(pair[1].0.clone())),
            None => Ok(Self(methods)),
        }
    }

    /// The identity that makes the tag of a person who shows several: that of the first method in the list.
    #[must_use]
    pub fn choose<'a>(&self, shown: &'a [Identity]) -> Option<&'a Identity> {
        self.0.iter().find_map(|method| shown.iter().find(|identity| identity.method == *method))
    }
}

impl Deref for Methods {
    type Target = [Method];

    fn deref(&self) -> &[Method] {
        &self.0
    }
}

impl TryFrom<Vec<Method>> for Methods {
    type Error = IdentityError;

    fn try_from(methods: Vec<Method>) -> Result<Self, IdentityError> {
        Self::new(methods)
    }
}

impl From<Methods> for Vec<Method> {
    fn from(methods: Methods) -> Self {
        methods.0
    }
}

impl Identity {
    /// A person under a method, in the one spelling that the method has for them: a mail address is respelled, whatever else
    /// is taken as it was issued.
    ///
    /// # Errors
    /// Where the subject is empty, too long, or no mail address.
    pub fn new(method: Method, subject: &str) -> Result<Self, IdentityError> {
        let refused = |why| IdentityError::Subject { method: method.0.clone(), why };
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(refused("it has 1 to 1024 bytes of UTF-8"));
        }
        let subject = match method.as_str() {
            MAIL => spell_address(subject).map_err(refused)?,
            _ => subject.to_owned(),
        };
        Ok(Self { method, subject })
    }

    /// One of the n entries that an invitation is good for, in its canonical spelling: `code#1` to `code#n`.
    ///
    /// # Errors
    /// Where the code is empty or too long.
    pub fn invited(code: &str, which: u32, entries: u32) -> Result<Self, IdentityError> {
        match entries {
            0 | 1 => Self::new(Method::invite(), code),
            _ => Self::new(Method::invite(), &format!("{code}#{which}")),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The method's name for the person.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for Identity {
    /// A subject is personal data, so it stands in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}: …)", self.method)
    }
}

impl IdentityKey {
    /// `k_D = HMAC-SHA256(k, DST("fairgate/v2/identity-key") ‖ D)`, of the operator's key `k`.
    #[must_use]
    pub fn new(key: &[u8; 32], descriptor_digest: &Hash) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Self::from_bytes(&keyed(&key, "fairgate/v2/identity-key", &[descriptor_digest]))
    }

    /// A draw's own key, as it is shown to somebody sworn.
    #[must_use]
    pub fn from_bytes(key: &Hash) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

/// `tag = HMAC-SHA256(k_D, DST("fairgate/v2/identity") ‖ method ‖ 0x00 ‖ subject)[0..16]`.
#[must_use]
pub fn tag(key: &IdentityKey, identity: &Identity) -> Tag {
    let parts = [identity.method.0.as_bytes(), &[0], identity.subject.as_bytes()];
    first_half(&keyed(&key.0, "fairgate/v2/identity", &parts))
}

fn keyed(key: &hmac::Key, domain: &str, parts: &[&[u8]]) -> Hash {
    let mut context = hmac::Context::with_key(key);
    context.update(domain.as_bytes());
    context.update(&[0]);
    parts.iter().for_each(|part| context.update(part));
    let mut mac = [0; 32];
    mac.copy_from_slice(context.sign().as_ref());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(names: &[&str]) -> Result<Methods, IdentityError> {
        Methods::new(names.iter().map(|name| Method::new(*name)).collect::<Result<_, _>>()?)
    }

    #[test]
    fn methods_ascend_and_are_printable() {
        assert!(methods(&[]).is_ok());
        assert!(methods(&["enqueue-token", "invite", "mail", "oidc:https://id.example", "phone"]).is_ok());
        assert_eq!(methods(&["mail", "invite"]), Err(IdentityError::Order("invite".into())));
        assert_eq!(methods(&["mail", "mail"]), Err(IdentityError::Order("mail".into())));
        let long = "m".repeat(256);
        for name in ["", "a b", "m\u{0}", "ä", "oidc:", &long] {
            assert_eq!(methods(&[name]), Err(IdentityError::Method(name.into())), "{name:?}");
        }
        assert!(methods(&[&long[1..]]).is_ok());
    }

    #[test]
    fn who_shows_several_gets_the_tag_of_the_first_in_the_list() {
        let [code, mail] =
            [Identity::invited("7H3K", 1, 1), Identity::new(Method::mail(), "a@example.com")].map(Result::unwrap);
        let shown = [mail.clone(), code.clone()];
        assert_eq!(methods(&["invite", "mail"]).unwrap().choose(&shown), Some(&code));
        assert_eq!(methods(&["mail"]).unwrap().choose(&shown), Some(&mail));
        assert_eq!(methods(&["enqueue-token"]).unwrap().choose(&shown), None);
    }

    #[test]
    fn subjects_stand_as_they_were_issued_but_for_mail() {
        let subject = |method: Method, subject: &str| Identity::new(method, subject).map(|identity| identity.subject);
        let provider = Method::oidc("https://id.example").unwrap();
        assert_eq!(subject(provider.clone(), "User-1 "), Ok("User-1 ".into()));
        assert_eq!(subject(Method::mail(), "User-1@Example.COM"), Ok("user-1@example.com".into()));
        let invited = Identity::invited("7H3K", 2, 3).unwrap();
        assert_eq!((invited.subject(), format!("{invited:?}")), ("7H3K#2", "Identity(invite: …)".into()));
        for wrong in [String::new(), "s".repeat(1025)] {
            assert!(matches!(subject(provider.clone(), &wrong), Err(IdentityError::Subject { .. })));
        }
        let refused = subject(Method::mail(), "somebody").unwrap_err().to_string();
        assert!(!refused.contains("somebody") && refused.contains("no subject of mail"), "{refused}");
    }

    #[test]
    fn tags_differ_by_key_draw_method_and_subject() {
        let person = |method: &str, subject: &str| Identity::new(Method::new(method).unwrap(), subject).unwrap();
        let of = |key: u8, draw: u8, identity: &Identity| tag(&IdentityKey::new(&[key; 32], &[draw; 32]), identity);
        let one = person("invite", "code");
        let others = [person("invited", "code"), person("invite", "code2"), person("invitec", "ode")];
        let tags = [of(1, 1, &one), of(2, 1, &one), of(1, 2, &one)];
        let tags: Vec<Tag> = tags.into_iter().chain(others.iter().map(|other| of(1, 1, other))).collect();
        let distinct: std::collections::HashSet<&Tag> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
        assert_eq!(format!("{:?}", IdentityKey::new(&[1; 32], &[1; 32])), "IdentityKey(…)");
    }
}
