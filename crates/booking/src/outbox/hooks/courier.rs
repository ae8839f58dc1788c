//! Calling an organizer's system.
//!
//! Guarantees:
//! - a call ends in time, and of an answer only its status counts: no body is read
//! - redirects are not followed, and no proxy of the environment is asked
//! - unless it is allowed for this system, only public addresses are called: looked at after the name was looked up, and those that
//!   were looked at are the ones that are called

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

use super::address::is_public;
use super::sign::HookSecret;

const CONTENT: &str = "application/cloudevents+json";
/// Standard Webhooks asks for 15 to 30 s; less than a lease of the queue.
const PATIENCE: Duration = Duration::from_secs(15);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const URL_BYTES_MAX: usize = 1024;

/// Why a system was not told.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The URL cannot be used.
    #[error("the URL cannot be used: {0}")]
    Url(&'static str),
    /// The name leads into a network that is nobody's business outside.
    #[error(
        "the name leads to an address that is not public; where that is meant, add the webhook again with --allow-private"
    )]
    Private,
    /// It cannot be reached, or the connection broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answered, and did not take it.
    #[error("it answered {0}")]
    Refused(StatusCode),
    /// No HTTP client can be made.
    #[error("no HTTP client can be made: {0}")]
    Client(reqwest::Error),
}

impl HookError {
    /// True if the system says that it is not there any more and wants to hear nothing.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Refused(StatusCode::GONE))
    }
}

/// Says what is wrong with a URL.
///
/// # Errors
/// [`HookError::Url`], [`HookError::Private`].
pub(super) fn check_url(text: &str, allow_private: bool) -> Result<Url, HookError> {
    if text.len() > URL_BYTES_MAX {
        return Err(HookError::Url("it is longer than 1,024 bytes"));
    }
    let url: Url = text.parse().map_err(|_| HookError::Url("write it like https://shop.example.com/webhooks"))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err(HookError::Url("it has to begin with https:// (http:// only with --allow-private)")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(HookError::Url("it must not have a user or a password: messages are signed instead"));
    }
    let host = url.host_str().ok_or(HookError::Url("it has no host"))?;
    // A literal address is not looked up, so it is looked at here.
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if !allow_private && literal.is_ok_and(|address| !is_public(address)) {
        return Err(HookError::Private);
    }
    Ok(url)
}

/// Calls one system.
#[derive(Debug)]
pub(super) struct Courier {
    http: reqwest::Client,
    url: Url,
    secret: HookSecret,
}

impl Courier {
    pub(super) fn new(url: &str, allow_private: bool, secret: HookSecret) -> Result<Self, HookError> {
        let url = check_url(url, allow_private)?;
        let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().timeout(PATIENCE);
        let client =
            client.connect_timeout(CONNECT_PATIENCE).user_agent(concat!("fairgate/", env!("CARGO_PKG_VERSION")));
        let client = if allow_private { client } else { client.dns_resolver(Arc::new(PublicNames)) };
        Ok(Self { http: client.build().map_err(HookError::Client)?, url, secret })
    }

    /// Tells a message; an answer of 2xx means that it was taken.
    pub(super) async fn tell(&self, id: &str, now_s: u64, body: &str) -> Result<(), HookError> {
        let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, CONTENT);
        let request = request.header("webhook-id", id).header("webhook-timestamp", now_s);
        let request = request.header("webhook-signature", self.secret.sign(id, now_s, body));
        let answer = request.body(body.to_owned()).send().await.map_err(unreachable)?;
        if answer.status().is_success() { Ok(()) } else { Err(HookError::Refused(answer.status())) }
    }
}

/// The reason in a few words, without the URL: its path may be a secret of the organizer's.
fn unreachable(error: reqwest::Error) -> HookError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = source {
        if cause.is::<NotPublic>() {
            return HookError::Private;
        }
        source = cause.source();
    }
    let words = match (error.is_timeout(), error.is_connect()) {
        (true, _) => "no answer in time",
        (_, true) => "no connection",
        _ => "the connection broke",
    };
    HookError::Unreachable(words.to_owned())
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to no public address")]
struct NotPublic;

/// Looks names up, and keeps what is public.
#[derive(Debug)]
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_the_public_internet_by_tls() {
        for good in ["https://shop.example.com/hooks", "https://1.1.1.1/", "https://[2606:4700::1111]/"] {
            assert!(check_url(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "shop.example.com",
            "http://shop.example.com/",
            "ftp://shop.example.com/",
            "https://u:p@shop.example.com/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert!(check_url(bad, false).is_err(), "{bad}");
        }
        assert!(check_url("http://127.0.0.1:8080/", true).is_ok());
        assert!(check_url(&format!("https://a.example/{}", "a".repeat(1024)), true).is_err());
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_not_called() {
        let secret = HookSecret::new(vec![1; 32]).expect("a secret");
        let courier = Courier::new("https://localhost:1/", false, secret).expect("a name is looked up later");
        let told = courier.tell("1", 1, "{}").await.expect_err("it leads home");
        assert!(matches!(told, HookError::Private), "{told}");
    }
}
