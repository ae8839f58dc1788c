//! The calls by which fans show who they are, below `{room}/entry/`.
//!
//! Guarantees:
//! - a name that a call carries is short and plain
//! - a path that is no call leads nowhere

use std::fmt;

/// Longest name in a path, bytes.
const NAME_BYTES_MAX: usize = 32;

/// A call below `entry/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryCall {
    /// What a browser's voucher says.
    Me,
    /// Show a shop's token.
    Shop,
    /// Get a note that lets somebody wait instead of working.
    Wait,
    /// A challenge for ALTCHA's widget.
    Altcha,
    /// Show a private access token, or be asked for one.
    PrivateToken,
    /// Ask for a code by mail.
    Mail,
    /// Show the code that came by mail.
    MailCheck,
    /// Show what the widget of a challenge provider gave.
    Provider(EntryName),
    /// Go and sign in with an OpenID provider.
    SignIn(EntryName),
    /// Come back from there.
    SignInBack(EntryName),
}

impl EntryCall {
    /// The call of a path below `entry/`.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "me" => Self::Me,
            "shop" => Self::Shop,
            "wait" => Self::Wait,
            "altcha" => Self::Altcha,
            "private-token" => Self::PrivateToken,
            "mail" => Self::Mail,
            "mail/check" => Self::MailCheck,
            named => match named.strip_prefix("oidc/") {
                None => Self::Provider(EntryName::of(named.strip_prefix("provider/")?)?),
                Some(name) => match name.strip_suffix("/back") {
                    Some(name) => Self::SignInBack(EntryName::of(name)?),
                    None => Self::SignIn(EntryName::of(name)?),
                },
            },
        })
    }

    /// The methods it answers, as in `Allow`.
    pub(super) fn allow(self) -> &'static str {
        match self {
            Self::Me | Self::Altcha | Self::PrivateToken | Self::SignIn(_) | Self::SignInBack(_) => {
                "GET, HEAD, OPTIONS"
            }
            Self::Shop | Self::Wait | Self::Mail | Self::MailCheck | Self::Provider(_) => "POST, OPTIONS",
        }
    }
}

/// A way's name in a path: 1 to 32 of `a-z`, `0-9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EntryName {
    bytes: [u8; NAME_BYTES_MAX],
    length: u8,
}

impl EntryName {
    /// The name of a path's last segment; `None` where it cannot be one.
    fn of(segment: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if segment.is_empty() || !segment.bytes().all(is_plain) {
            return None;
        }
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes.get_mut(..segment.len())?.copy_from_slice(segment.as_bytes());
        Some(Self { bytes, length: segment.len() as u8 })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let long = "a".repeat(32);
        for good in ["turnstile", "a-2", &long] {
            let Some(EntryCall::Provider(name)) = EntryCall::of(&format!("provider/{good}")) else { panic!("{good}") };
            assert_eq!(name.as_str(), good);
        }
        for bad in ["", "A", "a/b", "a b", "ä", "a.js", &"a".repeat(33)] {
            assert_eq!(EntryCall::of(&format!("provider/{bad}")), None, "{bad}");
        }
        let named = |path: &str| format!("{:?}", EntryCall::of(path));
        assert_eq!(named("oidc/club"), "Some(SignIn(\"club\"))");
        assert_eq!(named("oidc/club/back"), "Some(SignInBack(\"club\"))");
        for bad in ["", "m", "me/", "provider", "shop/x", "oidc/", "oidc//back", "oidc/a/b", "oidc/club/back/"] {
            assert_eq!(EntryCall::of(bad), None, "{bad}");
        }
    }
}
