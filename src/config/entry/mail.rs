//! `[room.entry.mail]`: codes by mail.
//!
//! User and password of the mail server never stand in the file: they are `FAIRGATE_SMTP_USER` and
//! `FAIRGATE_SMTP_PASSWORD`.

use lettre::message::Mailbox;
use reqwest::Url;
use toml::de::DeValue;

use super::reading::read_rate;
use crate::config::reader::Section;
use crate::config::value::{Misfit, Value};

/// Domains of providers that very many people have a mailbox at, so their entries are not counted by domain.
pub const LARGE_DOMAINS: &[&str] = &[
    "aol.com",
    "bluewin.ch",
    "bol.com.br",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.co.uk",
    "live.com",
    "live.com.pt",
    "live.nl",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "onet.pl",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "outlook.it",
    "outlook.pt",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "sapo.pt",
    "sfr.fr",
    "t-online.de",
    "uol.com.br",
    "virgilio.it",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.br",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.ru",
    "ymail.com",
    "ziggo.nl",
    "163.com",
];

/// Codes by mail as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// The mail server, without user and password.
    pub smtp: SmtpServer,
    /// The sender.
    pub from: Mailbox,
    /// Mails that the fleet sends a second.
    pub per_second: u32,
    /// Entries of one domain, beyond which its entries are suspicious.
    pub domain_entries: u32,
    /// Domains whose entries are not counted, in lower case.
    pub large_domains: Vec<String>,
}

/// A mail server: `smtps://host`, `smtp://host:587?tls=required`, or without TLS `smtp://127.0.0.1:2525`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer(Url);

impl SmtpServer {
    /// The URL, without user and password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL with user and password in it.
    #[must_use]
    pub fn with_login(&self, user: &str, password: &str) -> String {
        let mut url = self.0.clone();
        // Only a URL without a host has no place for these, and such a one is not read.
        let _ = url.set_username(user).and_then(|()| url.set_password(Some(password)));
        url.into()
    }
}

impl MailConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let smtp = section.require("smtp", r#""smtps://mail.example.com""#);
        let from = section.require("from", r#""Box office <tickets@example.com>""#);
        let per_second = read_rate(section, "per_second", 10);
        let domain_entries = read_rate(section, "domain_entries", 50);
        let large_domains: Vec<String> =
            section.get_or("large_domains", LARGE_DOMAINS.iter().map(ToString::to_string).collect());
        for domain in &large_domains {
            let fits =
                domain.contains('.') && domain.bytes().all(|b| b.is_ascii_lowercase() || b"0123456789-.".contains(&b));
            let what = format!("{domain:?} is not the domain of mail addresses");
            section.check(
                fits,
                "large_domains",
                what,
                "write what stands after the @, in lower case, as xn--… if need be",
            );
        }
        Some(Self { smtp: smtp?, from: from?, per_second, domain_entries, large_domains })
    }
}

impl Value for SmtpServer {
    fn kind() -> String {
        "URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let url = Url::parse(&String::read(value)?).ok();
        let is_server =
            |url: &Url| matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some_and(|host| !host.is_empty());
        // What does not fit is not repeated: it may have a password in it.
        let Some(url) = url.filter(is_server) else {
            return Err(Misfit::new(
                "is not the URL of a mail server",
                r#"write it like "smtps://mail.example.com" or "smtp://127.0.0.1:2525""#,
            ));
        };
        if !url.username().is_empty() || url.password().is_some() {
            let remedy = "leave them out of the file: set FAIRGATE_SMTP_USER and FAIRGATE_SMTP_PASSWORD";
            return Err(Misfit::new("has a user or a password in it", remedy));
        }
        Ok(Self(url))
    }
}

impl Value for Mailbox {
    fn kind() -> String {
        "mail address".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        text.parse().map_err(|_| {
            Misfit::new(
                format!("{text:?} is not a mail address"),
                r#"write it like "Box office <tickets@example.com>""#,
            )
        })
    }
}
