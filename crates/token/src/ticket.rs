//! The ticket: a fan's signed receipt for an entry of the pool or a place in the line.
//!
//! It has no end: it is worth something as long as the room's draw stands. What it says is what the roster must say.

use fairgate_core::room::{Entry, Position};
use fairgate_draw::v2::Tag;
use serde::{Deserialize, Serialize};

use super::jws::{self, JwsError};
use super::keys::KeyRing;
use super::keyset::KeySet;

pub(crate) const TYPE: &str = "fairgate-ticket+jwt";

/// A fan's receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The room it is for.
    pub room: String,
    /// The draw it is for: the digest D of the descriptor.
    pub draw: [u8; 32],
    /// The index in the pool, or the place in the line.
    pub position: Position,
    /// The roster entry.
    pub entry: Entry,
    /// When it was signed, Unix ms; whole seconds once signed.
    pub issued_at_ms: u64,
    /// In a draw with tiers: what the entry is made of besides.
    pub of_tier: Option<OfTier>,
    /// What its claim will ask for.
    pub terms: Terms,
}

/// The tier and the tag that an entry of a draw with tiers is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfTier {
    /// The tier's index. A pool index counts in this tier's roster; a place of the line is the same for all tiers.
    pub tier: u8,
    /// The tag of the fan's identity; zeros where the room asks for none.
    pub tag: Tag,
}

/// What a ticket's claim will ask for; nothing in a room that asks nothing of those who enter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Ways of which one is shown at the claim, because the entry looked odd.
    pub owes: Vec<String>,
    /// Signs of that, as the organizer tells them.
    pub why: Vec<String>,
    /// Ways that are each shown at the claim, because nobody could be asked about them at the join.
    pub later: Vec<String>,
    /// The tag of the network that the entry was made from; hex.
    pub network: Option<String>,
    /// The tag of the block of networks that the entry was made from; hex.
    pub block: Option<String>,
    /// True if the organizer says that many people share the network.
    pub is_shared: bool,
    /// The thumbprint of the browser's key (RFC 7638), where the room binds tickets to one.
    pub key: Option<String>,
    /// The hash of the keepsake by which another key may be named.
    pub keepsake: Option<String>,
    /// How often the place has got another key.
    pub moves: u8,
}

/// Why a ticket is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// Not signed by us, or not a ticket.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// The claims are not those of a ticket.
    #[error("the ticket's claims cannot be read")]
    Claims,
    /// Another issuer.
    #[error("the ticket is from another issuer")]
    Issuer,
    /// A ticket of another room.
    #[error("the ticket is for another room")]
    Room,
}

/// What a token says of itself before anybody has checked it: only good for knowing which keys to check it with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Hearsay {
    /// Who is said to have signed it.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// The room that it is said to be for.
    #[serde(rename = "aud")]
    pub room: String,
}

impl Hearsay {
    /// Looks into a token; `None` where it is none.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        jws::unchecked_claims(token)
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    draw: String,
    kind: Kind,
    n: u64,
    entry: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    owes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    why: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    later: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    net: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blk: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shr: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kps: Option<String>,
    #[serde(default, skip_serializing_if = "is_none")]
    moves: u8,
}

fn is_none(moves: &u8) -> bool {
    *moves == 0
}

/// The key of whoever may use a token (RFC 7800, RFC 9449).
#[derive(Serialize, Deserialize)]
pub(crate) struct Confirmation {
    pub(crate) jkt: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Pool,
    Line,
}

impl KeyRing {
    /// Signs a ticket with the key that signs at its time.
    #[must_use]
    pub fn sign_ticket(&self, ticket: &Ticket) -> String {
        let (kind, n) = match ticket.position {
            Position::Pool(index) => (Kind::Pool, index),
            Position::Line(place) => (Kind::Line, place),
        };
        let claims = Claims {
            iss: self.public().issuer().to_owned(),
            aud: ticket.room.clone(),
            iat: ticket.issued_at_ms / 1000,
            draw: hex::encode(ticket.draw),
            kind,
            n,
            entry: hex::encode(ticket.entry),
            tier: ticket.of_tier.map(|of_tier| of_tier.tier),
            tag: ticket.of_tier.map(|of_tier| hex::encode(of_tier.tag)),
            owes: ticket.terms.owes.clone(),
            why: ticket.terms.why.clone(),
            later: ticket.terms.later.clone(),
            net: ticket.terms.network.clone(),
            blk: ticket.terms.block.clone(),
            shr: ticket.terms.is_shared,
            cnf: ticket.terms.key.clone().map(|jkt| Confirmation { jkt }),
            kps: ticket.terms.keepsake.clone(),
            moves: ticket.terms.moves,
        };
        self.signer(ticket.issued_at_ms).sign_ticket(&claims)
    }

    /// [`KeySet::verify_ticket`] with this ring's keys.
    ///
    /// # Errors
    /// When the ticket is not to be believed.
    pub fn verify_ticket(&self, token: &str, room: &str) -> Result<Ticket, TicketError> {
        self.public().verify_ticket(token, room)
    }
}

impl KeySet {
    /// Reads a ticket for a room.
    ///
    /// # Errors
    /// When it is not to be believed. Whether it is of the room's present draw is the caller's to check.
    pub fn verify_ticket(&self, token: &str, room: &str) -> Result<Ticket, TicketError> {
        let claims: Claims = self.verify(token, TYPE)?;
        if claims.iss != self.issuer() {
            return Err(TicketError::Issuer);
        }
        if claims.aud != room {
            return Err(TicketError::Room);
        }
        read(claims).ok_or(TicketError::Claims)
    }
}

fn read(claims: Claims) -> Option<Ticket> {
    let of_tier = match (claims.tier, &claims.tag) {
        (None, None) => None,
        (Some(tier), Some(tag)) => Some(OfTier { tier, tag: bytes(tag)? }),
        _ => return None,
    };
    Some(Ticket {
        room: claims.aud,
        draw: bytes(&claims.draw)?,
        position: match claims.kind {
            Kind::Pool => Position::Pool(claims.n),
            Kind::Line => Position::Line(claims.n),
        },
        entry: bytes(&claims.entry)?,
        issued_at_ms: claims.iat.checked_mul(1000)?,
        of_tier,
        terms: Terms {
            owes: claims.owes,
            why: claims.why,
            later: claims.later,
            network: claims.net,
            block: claims.blk,
            is_shared: claims.shr,
            key: claims.cnf.map(|confirmation| confirmation.jkt),
            keepsake: claims.kps,
            moves: claims.moves,
        },
    })
}

pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
