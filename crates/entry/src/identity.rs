//! Who somebody is, as far as the draw is concerned, and the tag that stands for it.
//!
//! Guarantees:
//! - method and subject cannot run into each other, so two identities never have one tag but by chance of 2⁻¹²⁸
//! - only tags leave the edge, and an identity is never printed

use std::fmt;

use crate::keys::{IdentityKey, Key, first};

/// Longest method, bytes.
pub const METHOD_BYTES_MAX: usize = 255;
/// Longest subject, bytes of UTF-8.
pub const SUBJECT_BYTES_MAX: usize = 1024;

/// The method of an address whose mail somebody read.
pub const METHOD_MAIL: &str = "mail";
/// The method of a code.
pub const METHOD_CODE: &str = "invite";
/// The method of a shop's token.
pub const METHOD_SHOP: &str = "enqueue-token";
/// What the method of an OpenID provider begins with; its issuer follows.
pub const METHOD_OIDC: &str = "oidc:";

/// Why something is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The method cannot stand in a descriptor.
    #[error("a method has 1 to {METHOD_BYTES_MAX} visible ASCII characters and no space")]
    Method,
    /// The subject is empty or too long.
    #[error("a subject has 1 to {SUBJECT_BYTES_MAX} bytes")]
    Subject,
}

/// A method that vouches for a person, and its name for them in the one spelling that counts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    method: String,
    subject: String,
}

impl Identity {
    /// The identity of a subject by a method.
    ///
    /// # Errors
    /// When one of them has a form that the draw's protocol does not know.
    pub fn new(method: impl Into<String>, subject: impl Into<String>) -> Result<Self, IdentityError> {
        let (method, subject) = (method.into(), subject.into());
        let is_visible = method.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !is_visible || method.is_empty() || method.len() > METHOD_BYTES_MAX {
            return Err(IdentityError::Method);
        }
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
            return Err(IdentityError::Subject);
        }
        Ok(Self { method, subject })
    }

    /// What vouches for the person.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Its name for the person.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}: ..)", self.method)
    }
}

/// 16 bytes that stand for an identity in one draw.
pub type Tag = [u8; 16];

/// k_D: makes the tags of one draw.
///
/// It may be shown to somebody sworn, who recomputes all tags of this draw and learns nothing of another.
#[derive(Clone, Debug)]
pub struct TagKey(Key);

impl TagKey {
    /// `HMAC-SHA256(k, DST("fairgate/v2/identity-key") ‖ D)`.
    #[must_use]
    pub fn of(key: &IdentityKey, draw: &[u8; 32]) -> Self {
        Self(Key::from_bytes(key.for_tags().mac("fairgate/v2/identity-key", &[draw])))
    }

    /// `HMAC-SHA256(k_D, DST("fairgate/v2/identity") ‖ method ‖ 0x00 ‖ subject)[0..16]`.
    #[must_use]
    pub fn tag(&self, identity: &Identity) -> Tag {
        let parts: [&[u8]; 3] = [identity.method.as_bytes(), &[0], identity.subject.as_bytes()];
        first(&self.0.mac("fairgate/v2/identity", &parts))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vectors::{bytes, draw};

    fn tags() -> TagKey {
        TagKey::of(&IdentityKey::from_bytes([0x42; 32]), &draw())
    }

    #[test]
    fn tags_are_as_published() {
        for (user, tag) in [
            ("user-0", "0554622971da338e938f1eff14a8060c"),
            ("user-3", "b22abdba107c7e1f437c91f2a1935500"),
            ("user-8", "37229f28219c54bfd9c8511041335c39"),
        ] {
            let identity = Identity::new("oidc:https://id.example", user).expect("an identity");
            assert_eq!(tags().tag(&identity), bytes::<16>(tag), "{user}");
        }
    }

    #[test]
    fn what_has_another_form_is_no_identity() {
        let error = |method: &str, subject: &str| Identity::new(method, subject).err();
        assert_eq!(error(&"m".repeat(255), &"s".repeat(1024)), None);
        assert_eq!(error(&"m".repeat(256), "s"), Some(IdentityError::Method));
        assert_eq!(error("m", &"s".repeat(1025)), Some(IdentityError::Subject));
        for method in ["", "a b", "a\0", "ä", "a\x7f"] {
            assert_eq!(error(method, "s"), Some(IdentityError::Method), "{method:?}");
        }
        assert_eq!(error("m", ""), Some(IdentityError::Subject));
        let identity = Identity::new("mail", "ada@example.org").expect("an identity");
        assert_eq!(format!("{identity:?}"), "Identity(mail: ..)");
    }

    proptest! {
        #[test]
        fn other_identities_have_other_tags(method in "[!-~]{1,20}", subject in "\\PC{1,20}", split in 1usize..20) {
            let tag = tags().tag(&Identity::new(method.clone(), subject.clone()).unwrap());
            prop_assert_ne!(tags().tag(&Identity::new(method.clone(), format!("{subject}x")).unwrap()), tag);
            let text = format!("{method}{subject}");
            // The same letters, divided elsewhere.
            let is_elsewhere = split != method.len() && text.is_char_boundary(split) && split < text.len();
            if let Some(Ok(other)) = is_elsewhere.then(|| Identity::new(&text[..split], &text[split..])) {
                prop_assert_ne!(tags().tag(&other), tag);
            }
        }
    }
}
