//! A browser of somebody who sells or shares, of somebody who buys, or of an honest fan: cookies that can be copied, and a key
//! that cannot.

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::Market;
use super::key::BrowserKey;
use crate::http::{Answer, exchange};

const AGAIN: Duration = Duration::from_millis(300);

/// What a claim came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Let in, with this pass.
    Admitted(String),
    /// Refused for good, by this problem.
    Refused(String),
}

/// A browser.
pub(crate) struct Browser {
    address: String,
    key: BrowserKey,
}

impl Browser {
    /// A browser at an address of its own.
    pub(crate) fn at(address: String) -> anyhow::Result<Self> {
        Ok(Self { address, key: BrowserKey::make()? })
    }

    /// Joins, and answers the ticket.
    pub(crate) async fn join(&self, market: &Market, nonce: [u8; 16]) -> anyhow::Result<String> {
        let nonce = BASE64_URL_SAFE_NO_PAD.encode(nonce);
        let mut body = json!({ "nonce": nonce });
        if market.binds_keys {
            body["jkt"] = Value::from(self.key.thumbprint()?);
        }
        loop {
            let answer = self.post(market, "join", &[], &body).await?;
            let told = json_of(&answer);
            match answer.status {
                200 => return told["ticket"].as_str().map(str::to_owned).context("a join without a ticket"),
                409 | 429 | 503 => self.wait(market, &answer).await?,
                status => bail!("a join was answered {status} {}", slug(&told)),
            }
        }
    }

    /// Claims with a ticket until it is let in or refused for good. With `is_own` the browser proves its key.
    pub(crate) async fn claim(&self, market: &Market, ticket: &str, is_own: bool) -> anyhow::Result<Claimed> {
        let cookie = market.ticket_cookie(ticket);
        loop {
            let proof = self.proof(market, "claim", ticket, is_own).await?;
            let answer = self.post(market, "claim", &fields(&cookie, proof.as_deref()), &json!({})).await?;
            let told = json_of(&answer);
            match answer.status {
                200 => {
                    let pass = told["pass"].as_str().context("a claim without a pass")?;
                    return Ok(Claimed::Admitted(pass.to_owned()));
                }
                202 | 429 | 503 => self.wait(market, &answer).await?,
                // The minute of the proof is over.
                401 if slug(&told) == "use-proof-nonce" && is_own => {}
                _ => return Ok(Claimed::Refused(slug(&told))),
            }
        }
    }

    /// True if a pass opens the shop's page here.
    pub(crate) async fn visit(&self, market: &Market, pass: &str) -> anyhow::Result<bool> {
        let (page, authority) = (&market.sellers.target.page, &market.sellers.target.authority);
        let (cookie, from) = (market.pass_cookie(pass), self.from(market));
        let question = format!(
            "GET {page} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\n{from}Cookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        Ok(ask(market, &question).await?.status == 200)
    }

    /// Another pass of the same visit, where the key is this browser's; the same where the room binds to none.
    pub(crate) async fn renew(&self, market: &Market, pass: &str) -> anyhow::Result<String> {
        if !market.binds_keys {
            return Ok(pass.to_owned());
        }
        let cookie = market.pass_cookie(pass);
        let proof = self.proof(market, "renew", pass, true).await?;
        let answer = self.post(market, "renew", &fields(&cookie, proof.as_deref()), &json!({})).await?;
        let renewed = answer.cookies.into_iter().find(|(name, value)| name.contains("pass") && !value.is_empty());
        Ok(renewed.map_or_else(|| pass.to_owned(), |(_, value)| value))
    }

    /// A proof for a call, where the room binds to keys and the browser has the one that is asked for.
    async fn proof(&self, market: &Market, call: &str, token: &str, is_own: bool) -> anyhow::Result<Option<String>> {
        if !market.binds_keys || !is_own {
            return Ok(None);
        }
        let nonce = market.document().await?["proof_nonce"].as_str().context("a status without a nonce")?.to_owned();
        let (room, authority) = (&market.sellers.room, &market.sellers.target.authority);
        let address = format!("http://{authority}/.fairgate/{room}/{call}");
        self.key.proof(&address, &nonce, token).map(Some)
    }

    async fn post(&self, market: &Market, call: &str, fields: &[String], body: &Value) -> anyhow::Result<Answer> {
        let (room, authority) = (&market.sellers.room, &market.sellers.target.authority);
        let (body, from, fields) = (body.to_string(), self.from(market), fields.concat());
        let question = format!(
            "POST /.fairgate/{room}/{call} HTTP/1.1\r\nHost: {authority}\r\nOrigin: http://{authority}\r\n\
             Sec-Fetch-Site: same-origin\r\nAccept: application/json\r\nContent-Type: application/json\r\n{from}{fields}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        ask(market, &question).await
    }

    fn from(&self, market: &Market) -> String {
        if market.sellers.forwarded_for { format!("X-Forwarded-For: {}\r\n", self.address) } else { String::new() }
    }

    async fn wait(&self, market: &Market, answer: &Answer) -> anyhow::Result<()> {
        ensure!(Instant::now() < market.until, "the run has ended before everybody was let in");
        tokio::time::sleep(answer.retry_after_ms.map_or(AGAIN, Duration::from_millis)).await;
        Ok(())
    }
}

fn fields(cookie: &str, proof: Option<&str>) -> [String; 2] {
    [format!("Cookie: {cookie}\r\n"), proof.map_or_else(String::new, |proof| format!("DPoP: {proof}\r\n"))]
}

async fn ask(market: &Market, question: &str) -> anyhow::Result<Answer> {
    exchange(&market.sockets, None, question.as_bytes()).await.1.map_err(|fault| anyhow::anyhow!(fault.kind()))
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn slug(told: &Value) -> String {
    told["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or("unknown").to_owned()
}
