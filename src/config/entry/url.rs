//! Addresses that secrets and proofs travel to: by TLS, or within this machine.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use toml::de::DeValue;

use crate::config::value::{Misfit, Value};

/// An https address, or an http one of this machine; without user, password and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeUrl(Url);

impl SafeUrl {
    /// Reads an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_here);
        let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        (is_safe && is_plain).then_some(Self(url))
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Value for SafeUrl {
    fn kind() -> String {
        "URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        // What does not fit is not repeated: it may have a password in it.
        Self::parse(&String::read(value)?).ok_or_else(|| {
            let remedy = r#"write an https:// address without user, password and #, like "https://id.example"; http:// is for this machine alone"#;
            Misfit::new("is no address that can be asked safely", remedy)
        })
    }
}
