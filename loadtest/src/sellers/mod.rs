//! Sellers of tickets and sharers of passes beside honest fans: what can be copied from a browser is copied, and nothing else.
//! The report says which share of the people inside came by a copy.
//!
//! **Guarantees:** bounded in people, sockets and time; the same targets as the crowd. A buyer or guest has the cookie and another
//! address, and never the key. Who is inside is told by the shop's page alone.

mod browser;
mod key;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::http::{Sockets, exchange, raise_socket_limit};
use crate::target::Target;
use browser::{Browser, Claimed};
pub use key::BrowserKey;

/// The most people of all kinds together.
pub const PEOPLE_MAX: u32 = 20_000;
/// How often those who share a pass open the page, by turns.
const ROUNDS: u32 = 4;

/// Who comes.
#[derive(Clone, Debug)]
pub struct Sellers {
    /// The protected host.
    pub target: Target,
    /// The room's name.
    pub room: String,
    /// Honest fans.
    pub fans: u32,
    /// Sellers of a ticket, each with one buyer who gets a copy of the cookie.
    pub tickets: u32,
    /// Sharers of a pass, once they are let in.
    pub passes: u32,
    /// Guests that each of these gives a copy of the cookie to.
    pub guests: u32,
    /// How long sharers and guests stay before they are counted: a copy of a bound pass ends within `session.prove`.
    pub stay: Duration,
    /// Everybody says that it comes from an address of its own (`X-Forwarded-For`); for targets that trust this client.
    pub forwarded_for: bool,
    /// Decides nonces.
    pub seed: u64,
    /// The run ends then.
    pub time_limit: Duration,
    /// Sockets that may be open at once.
    pub connections_max: usize,
}

impl Sellers {
    fn check(&self) -> anyhow::Result<()> {
        let guests = u64::from(self.passes) * u64::from(self.guests);
        let all = u64::from(self.fans) + 2 * u64::from(self.tickets) + u64::from(self.passes) + guests;
        ensure!(all <= u64::from(PEOPLE_MAX), "{all} people are more than {PEOPLE_MAX}");
        ensure!(self.fans > 0, "somebody honest is needed beside the sellers: --fans");
        Ok(())
    }
}

/// People of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// How many came.
    pub people: u64,
    /// How many of them are inside: the shop's page opens for them at the end.
    pub inside: u64,
    /// Claims that were refused for good, by their problem.
    pub refused: BTreeMap<String, u64>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct SellersReport {
    /// What the room binds tickets and passes to, as its status says.
    pub binding: String,
    /// Honest fans, and sharers in the browser that the place is of.
    pub own: Kind,
    /// Buyers of a ticket.
    pub buyers: Kind,
    /// Guests with a copied pass.
    pub guests: Kind,
    /// The share of the people inside who came by a copied ticket.
    pub share_by_ticket: f64,
    /// The share of the people inside who came by a copied pass.
    pub share_by_pass: f64,
}

/// What all people of a run share.
pub(crate) struct Market {
    pub(crate) sellers: Sellers,
    pub(crate) sockets: Sockets,
    pub(crate) binds_keys: bool,
    pub(crate) until: Instant,
}

impl Market {
    /// The room's status.
    pub(crate) async fn document(&self) -> anyhow::Result<Value> {
        status(&self.sellers, &self.sockets).await
    }

    /// The cookie of a ticket.
    pub(crate) fn ticket_cookie(&self, ticket: &str) -> String {
        format!("fairgate-ticket-{}={ticket}", self.sellers.room)
    }

    /// The cookie of a pass.
    pub(crate) fn pass_cookie(&self, pass: &str) -> String {
        format!("fairgate-pass-{}={pass}", self.sellers.room)
    }
}

async fn status(sellers: &Sellers, sockets: &Sockets) -> anyhow::Result<Value> {
    let (room, authority) = (&sellers.room, &sellers.target.authority);
    let question = format!(
        "GET /.fairgate/{room}/status HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    );
    let answer = exchange(sockets, None, question.as_bytes()).await.1.map_err(|fault| anyhow::anyhow!(fault.kind()))?;
    ensure!(answer.status == 200, "HTTP {} for the status of room `{room}`", answer.status);
    serde_json::from_slice(&answer.body).context("the status is not what a fairgate answers")
}

/// What somebody is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Fan,
    Seller,
    Sharer,
}

/// What became of somebody, and of those who came by a copy.
#[derive(Default)]
struct Came {
    own: Kind,
    buyers: Kind,
    guests: Kind,
}

/// Sends everybody into the room, and reports who is inside at the end.
///
/// # Errors
/// Where the room does not answer, or not everybody was let in or refused by the time limit.
pub async fn run_sellers(sellers: Sellers) -> anyhow::Result<SellersReport> {
    sellers.check()?;
    let sockets_max = raise_socket_limit().context("cannot raise the limit of open files")?;
    let sockets = Sockets::new(sellers.target.addresses.clone(), sellers.connections_max.min(sockets_max));
    let binding = status(&sellers, &sockets).await?["entry"]["binding"].as_str().unwrap_or("none").to_owned();
    let until = Instant::now() + sellers.time_limit;
    let market = Arc::new(Market { sockets, binds_keys: binding == "key", until, sellers });
    let mut random = ChaCha8Rng::seed_from_u64(market.sellers.seed);
    let Sellers { fans, tickets, passes, .. } = market.sellers;
    let roles = [(Role::Fan, fans), (Role::Seller, tickets), (Role::Sharer, passes)];
    let roles = roles.into_iter().flat_map(|(role, number)| (0..number).map(move |_| role));
    let mut people: JoinSet<anyhow::Result<Came>> = JoinSet::new();
    for (who, role) in (0..).zip(roles) {
        let (market, nonce) = (Arc::clone(&market), random.random());
        people.spawn(async move { live(&market, role, who, nonce).await });
    }
    let mut all = Came::default();
    while let Some(came) = people.join_next().await {
        all.add(came.context("somebody broke down")??);
    }
    Ok(report(binding, all))
}

/// One person's way, with those who have a copy.
async fn live(market: &Market, role: Role, who: u32, nonce: [u8; 16]) -> anyhow::Result<Came> {
    let own = Browser::at(address(10, who))?;
    let ticket = own.join(market, nonce).await?;
    let mut came = Came::default();
    if role == Role::Seller {
        let buyer = Browser::at(address(11, who))?;
        came.buyers.people = 1;
        match buyer.claim(market, &ticket, false).await? {
            Claimed::Admitted(pass) => came.buyers.inside = u64::from(buyer.visit(market, &pass).await?),
            Claimed::Refused(why) => came.buyers.refuse(why),
        }
        return Ok(came);
    }
    came.own.people = 1;
    let mut pass = match own.claim(market, &ticket, true).await? {
        Claimed::Admitted(pass) => pass,
        Claimed::Refused(why) => {
            came.own.refuse(why);
            return Ok(came);
        }
    };
    let guests = if role == Role::Sharer { market.sellers.guests } else { 0 };
    let copy = pass.clone();
    let guests: Vec<Browser> = (0..guests)
        .map(|guest| Browser::at(address(12, who * market.sellers.guests + guest)))
        .collect::<Result<_, _>>()?;
    for round in 0..ROUNDS {
        if !own.visit(market, &pass).await? {
            pass = own.renew(market, &pass).await?;
        }
        for guest in &guests {
            guest.visit(market, &copy).await?;
        }
        if round + 2 == ROUNDS && !guests.is_empty() {
            tokio::time::sleep(market.sellers.stay).await;
        }
    }
    if !own.visit(market, &pass).await? {
        pass = own.renew(market, &pass).await?;
    }
    came.own.inside = u64::from(own.visit(market, &pass).await?);
    came.guests.people = guests.len() as u64;
    for guest in &guests {
        came.guests.inside += u64::from(guest.visit(market, &copy).await?);
    }
    Ok(came)
}

impl Kind {
    fn refuse(&mut self, why: String) {
        *self.refused.entry(why).or_default() += 1;
    }

    fn add(&mut self, other: Self) {
        self.people += other.people;
        self.inside += other.inside;
        for (why, times) in other.refused {
            *self.refused.entry(why).or_default() += times;
        }
    }
}

impl Came {
    fn add(&mut self, other: Self) {
        self.own.add(other.own);
        self.buyers.add(other.buyers);
        self.guests.add(other.guests);
    }
}

fn report(binding: String, Came { own, buyers, guests }: Came) -> SellersReport {
    let inside = (own.inside + buyers.inside + guests.inside).max(1) as f64;
    let (share_by_ticket, share_by_pass) = (buyers.inside as f64 / inside, guests.inside as f64 / inside);
    SellersReport { binding, own, buyers, guests, share_by_ticket, share_by_pass }
}

/// An address of a network of its own: nobody shares a /24 with anybody.
fn address(network: u8, who: u32) -> String {
    let [_, _, b, c] = who.to_be_bytes();
    format!("{network}.{b}.{c}.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_people_inside() {
        let kind = |people, inside| Kind { people, inside, ..Kind::default() };
        let report = report("none".to_owned(), Came { own: kind(5, 4), buyers: kind(3, 2), guests: kind(9, 2) });
        assert_eq!((report.share_by_ticket, report.share_by_pass), (0.25, 0.25));
        let text = report.to_string();
        assert!(text.contains("50.0 % of the people inside came by a copy"), "{text}");
    }

    #[test]
    fn everybody_comes_from_a_network_of_their_own() {
        assert_eq!(
            (address(10, 0), address(10, 300), address(12, 70_000)),
            ("10.0.0.1".into(), "10.1.44.1".into(), "12.17.112.1".into())
        );
    }
}
