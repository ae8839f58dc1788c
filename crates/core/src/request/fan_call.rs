//! The calls that fans make of a room, below `{room}/`.
//!
//! Guarantees:
//! - a path that is no call leads nowhere
//! - numbers and digests have one spelling

use super::entry_call::EntryCall;

/// The calls that fans make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanCall {
    /// How the room stands.
    Status,
    /// Enter the pool or the line.
    Join,
    /// Be let in.
    Claim,
    /// Give the place up.
    Leave,
    /// Prove the key of a bound pass, and get another.
    Renew,
    /// Let the browser keep a bound pass alive by itself, with a key of its device.
    Device,
    /// The browser does so.
    DeviceRefresh,
    /// Offer the place to another device; or the page on which another device takes it.
    Move,
    /// Take a place that is offered.
    MoveAccept,
    /// Let the device have it that has accepted.
    MoveConfirm,
    /// The draw's record.
    Draw,
    /// The roster's bytes.
    Roster,
    /// The list of claims.
    Claims,
    /// What the draw has asked of its fans, in numbers.
    Counts,
    /// Hand in the round of public randomness.
    Beacon,
    /// One entry's inclusion proof.
    Proof(u64),
    /// The bytes of a tier's roster.
    TierRoster(u8),
    /// The bytes of a tier's tags.
    TierTags(u8),
    /// The inclusion proofs of one entry of a tier, and of its tag: the tier, and the index in its roster.
    TierProof(u8, u64),
    /// The proof that the draw log has a statement of the draw.
    LogProof(LogStatement),
    /// What of the sale is still to come, as a file for a calendar.
    Calendar,
    /// The page that checks the draw.
    Check,
    /// The script that checks the round's signature for that page.
    RoundScript,
    /// The script that reads the draw log's proof of a freeze for the waiting page.
    SeenScript,
    /// The script that keeps a bound pass alive in the shop's pages.
    KeepScript,
    /// The draws of the room, those of sales that are over included.
    Draws,
    /// What is published of a draw, by the digest of its descriptor.
    Past([u8; 32], PastFile),
    /// The public keys, beside those draws.
    PastKeys,
    /// Show who one is.
    Entry(EntryCall),
}

impl FanCall {
    /// The call of a path below `{room}/`.
    pub(super) fn of(call: &str) -> Option<Self> {
        if let Some(entry) = call.strip_prefix("entry/") {
            return EntryCall::of(entry).map(Self::Entry);
        }
        if let Some((digest, of_draw)) = call.strip_prefix("draws/").and_then(|past| past.split_once('/')) {
            // Nothing else has a draw's name in its address.
            let of_draw = Some(of_draw).filter(|of_draw| *of_draw == "draw" || of_draw.starts_with("draw/"))?;
            return Some(Self::Past(digest_of(digest)?, PastFile::of(Self::of(of_draw)?)?));
        }
        Some(match call {
            "status" => Self::Status,
            "join" => Self::Join,
            "claim" => Self::Claim,
            "leave" => Self::Leave,
            "renew" => Self::Renew,
            "dbsc" => Self::Device,
            "dbsc/refresh" => Self::DeviceRefresh,
            "move" => Self::Move,
            "move/accept" => Self::MoveAccept,
            "move/confirm" => Self::MoveConfirm,
            "draw" => Self::Draw,
            "draw/roster" => Self::Roster,
            "draw/claims" => Self::Claims,
            "draw/entry" => Self::Counts,
            "draw/beacon" => Self::Beacon,
            "draw/round.js" => Self::RoundScript,
            "draw/seen.js" => Self::SeenScript,
            "draw/draw.tlog-proof" => Self::LogProof(LogStatement::Draw),
            "draw/freeze.tlog-proof" => Self::LogProof(LogStatement::Freeze),
            "draw/reveal.tlog-proof" => Self::LogProof(LogStatement::Reveal),
            "calendar.ics" => Self::Calendar,
            "check" => Self::Check,
            "keep.js" => Self::KeepScript,
            "draws" => Self::Draws,
            "draws/jwks.json" => Self::PastKeys,
            of_draw => numbered_call(of_draw.strip_prefix("draw/")?)?,
        })
    }

    /// The methods it answers, as in `Allow`.
    #[must_use]
    pub fn allow(self) -> &'static str {
        match self {
            Self::Join
            | Self::Claim
            | Self::Leave
            | Self::Renew
            | Self::Device
            | Self::DeviceRefresh
            | Self::Beacon => "POST, OPTIONS",
            Self::MoveAccept | Self::MoveConfirm => "POST, OPTIONS",
            Self::Move => "GET, HEAD, POST, OPTIONS",
            Self::Status
            | Self::Draw
            | Self::Roster
            | Self::Claims
            | Self::Counts
            | Self::Proof(_)
            | Self::TierRoster(_)
            | Self::TierTags(_)
            | Self::TierProof(..)
            | Self::LogProof(_)
            | Self::Calendar
            | Self::Check
            | Self::RoundScript
            | Self::SeenScript
            | Self::Draws
            | Self::Past(..)
            | Self::PastKeys
            | Self::KeepScript => "GET, HEAD, OPTIONS",
            Self::Entry(call) => call.allow(),
        }
    }
}

/// What is published of a draw that is named by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PastFile {
    /// Its record.
    Record,
    /// The roster's bytes.
    Roster,
    /// The list of claims.
    Claims,
    /// The bytes of a tier's roster.
    TierRoster(u8),
    /// The bytes of a tier's tags.
    TierTags(u8),
    /// What it has asked of its fans, in numbers.
    Counts,
    /// One entry's inclusion proof.
    Proof(u64),
    /// The inclusion proofs of one entry of a tier, and of its tag: the tier, and the index in its roster.
    TierProof(u8, u64),
    /// The proof that the draw log has a statement of it.
    LogProof(LogStatement),
}

impl PastFile {
    /// The same of the room's present draw.
    #[must_use]
    pub fn of_present(self) -> FanCall {
        match self {
            Self::Record => FanCall::Draw,
            Self::Roster => FanCall::Roster,
            Self::Claims => FanCall::Claims,
            Self::TierRoster(tier) => FanCall::TierRoster(tier),
            Self::TierTags(tier) => FanCall::TierTags(tier),
            Self::Counts => FanCall::Counts,
            Self::Proof(index) => FanCall::Proof(index),
            Self::TierProof(tier, index) => FanCall::TierProof(tier, index),
            Self::LogProof(statement) => FanCall::LogProof(statement),
        }
    }

    fn of(call: FanCall) -> Option<Self> {
        Some(match call {
            FanCall::Draw => Self::Record,
            FanCall::Roster => Self::Roster,
            FanCall::Claims => Self::Claims,
            FanCall::TierRoster(tier) => Self::TierRoster(tier),
            FanCall::TierTags(tier) => Self::TierTags(tier),
            FanCall::Counts => Self::Counts,
            FanCall::Proof(index) => Self::Proof(index),
            FanCall::TierProof(tier, index) => Self::TierProof(tier, index),
            FanCall::LogProof(statement) => Self::LogProof(statement),
            _ => return None,
        })
    }
}

/// A statement of a draw in the draw log, which a proof is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStatement {
    /// Its descriptor.
    Draw,
    /// Its freeze.
    Freeze,
    /// Its end.
    Reveal,
}

/// A call that names a list of a tier, or an entry.
fn numbered_call(call: &str) -> Option<FanCall> {
    let (what, rest) = call.split_once('/')?;
    Some(match (what, rest.split_once('/')) {
        ("proof", None) => FanCall::Proof(number(rest)?),
        ("proof", Some((tier, index))) => FanCall::TierProof(number(tier)?, number(index)?),
        ("roster", None) => FanCall::TierRoster(number(rest)?),
        ("tags", None) => FanCall::TierTags(number(rest)?),
        _ => return None,
    })
}

/// A digest as 64 hex digits in lower case.
fn digest_of(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut digest = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(digest)
}

/// A number in decimal digits.
fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}
