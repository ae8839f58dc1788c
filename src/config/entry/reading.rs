//! What the tables of ways have in common while they are read: names that are taken, hosts, tiers, variables.

use std::cell::RefCell;

use fairgate_entry::policy::EntrySettings;
use fairgate_entry::way::WayName;

use super::PRIVATE_TOKEN;
use crate::config::Host;
use crate::config::reader::Section;

/// Most providers, issuers, shops or sign-ins of a room: with the ways of fixed names no more than a policy takes.
pub(super) const WAYS_MAX: usize = 7;

/// What the room's other keys say; nothing where they do not fit.
pub(in crate::config) struct RoomFacts<'r> {
    /// The hosts of the room.
    pub(in crate::config) hosts: Option<&'r [Host]>,
    /// The pool's opening, Unix ms.
    pub(in crate::config) opens_at_ms: Option<u64>,
    /// The names of the room's tiers, in order of their indexes; nothing where tiers are not checked.
    pub(in crate::config) tiers: Option<&'r [String]>,
}

/// The state of reading one `[room.entry]`.
pub(super) struct Reading<'r> {
    room: RoomFacts<'r>,
    /// Every way that a list names.
    asked: Vec<String>,
    names: RefCell<Vec<String>>,
    issuers: RefCell<Vec<String>>,
    campaigns: RefCell<Vec<String>>,
}

impl<'r> Reading<'r> {
    pub(super) fn new(room: RoomFacts<'r>, lists: &Option<EntrySettings>) -> Self {
        let asked = lists.iter().flat_map(|lists| {
            [&lists.identity, &lists.any_of, &lists.all_of, &lists.suspicious, &lists.claim].into_iter().flatten()
        });
        let fixed = [WayName::WORK, WayName::CODE, WayName::MAIL, WayName::WAIT, PRIVATE_TOKEN];
        Self {
            room,
            asked: asked.cloned().collect(),
            names: RefCell::new(fixed.map(str::to_owned).to_vec()),
            issuers: RefCell::default(),
            campaigns: RefCell::default(),
        }
    }

    /// Reads the `name` of a way, which no other way has.
    pub(super) fn name(&self, section: &Section<'_>, default: Option<&str>) -> Option<WayName> {
        let written: String = match default {
            Some(default) => section.get_or("name", default.to_owned()),
            None => section.require("name", r#""club""#)?,
        };
        match WayName::new(&written) {
            Err(error) => {
                let message = error.to_string();
                let (what, remedy) = message.split_once("; ").unwrap_or((&message, "change it"));
                section.problem("name", what, remedy);
                None
            }
            Ok(_) if !take(&self.names, &written) => {
                let remedy = format!("add name = \"{written}-2\", or another that no way has");
                section.problem("name", format!("{written:?} is the name of another way"), remedy);
                None
            }
            Ok(name) => Some(name),
        }
    }

    /// True for the first table with this issuer. `kind` keeps issuers of different kinds of tokens apart.
    pub(super) fn is_new_issuer(&self, kind: &str, issuer: &str) -> bool {
        take(&self.issuers, &format!("{kind} {issuer}"))
    }

    /// True for the first table of this campaign.
    pub(super) fn is_new_campaign(&self, campaign: &str) -> bool {
        take(&self.campaigns, campaign)
    }

    /// True if a list of the room names this way.
    pub(super) fn is_asked(&self, way: &str) -> bool {
        self.asked.iter().any(|name| name == way)
    }

    /// True if the room is for any host, so that nothing can be compared with its names.
    pub(super) fn is_any_host(&self) -> bool {
        self.room.hosts.is_some_and(|hosts| hosts.contains(&Host::Any))
    }

    /// The pool's opening, Unix ms.
    pub(super) fn opens_at_ms(&self) -> Option<u64> {
        self.room.opens_at_ms
    }

    /// Reports a tier that the room has not.
    pub(super) fn check_tier<'t>(&self, section: &Section<'_>, key: &str, tiers: impl IntoIterator<Item = &'t String>) {
        let Some(known) = self.room.tiers else { return };
        for tier in tiers.into_iter().filter(|tier| !known.contains(tier)) {
            let remedy = match known {
                [] => format!("add a [[room.tier]] with name = {tier:?}, or leave it out"),
                known => format!("the room's tiers are {}", known.join(", ")),
            };
            section.problem(key, format!("{tier:?} is no tier of the room"), remedy);
        }
    }
}

fn take(taken: &RefCell<Vec<String>>, text: &str) -> bool {
    let mut taken = taken.borrow_mut();
    let is_new = !taken.iter().any(|own| own == text);
    if is_new {
        taken.push(text.to_owned());
    }
    is_new
}

/// Reads the name of an environment variable. What does not fit is not repeated: it may be the secret itself.
pub(super) fn read_variable(section: &Section<'_>, key: &'static str, default: Option<&str>) -> Option<String> {
    let name: Option<String> = match default {
        Some(default) => section.given_or(key, default.to_owned()),
        None => section.require(key, &format!("\"FAIRGATE_{}\"", key.trim_end_matches("_env").to_ascii_uppercase())),
    };
    let name = name?;
    let is_name = !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    section.check(
        is_name,
        key,
        "is not the name of an environment variable",
        "write a name of A-Z, 0-9 and _, and put the secret into the variable: secrets never stand in this file",
    );
    is_name.then_some(name)
}

/// A text that must not be empty.
pub(super) fn require_text(section: &Section<'_>, key: &'static str, example: &str) -> Option<String> {
    let text: String = section.require(key, example)?;
    section.check(!text.trim().is_empty(), key, "is empty", format!("write it, like {key} = {example}"));
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A number that must not be zero.
pub(super) fn read_rate(section: &Section<'_>, key: &'static str, default: u32) -> u32 {
    let rate = section.get_or(key, default);
    section.check(
        rate > 0,
        key,
        "is 0: nobody could ever enter by this way",
        format!("write {default}, or at least 1"),
    );
    rate
}
