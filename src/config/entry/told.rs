//! What a fan will meet, in sentences for `fairgate config check`.

use fairgate_entry::policy::{Binding, WayKind};
use fairgate_entry::way::WayName;

use super::EntryConfig;

impl EntryConfig {
    /// What a fan will meet. Nothing where the room asks nothing.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let policy = &self.policy;
        if policy.asks_nothing() && policy.binding == Binding::None {
            return None;
        }
        let mut told = vec![self.joining()];
        let identity: Vec<&str> = policy.identity().map(WayName::as_str).collect();
        if !identity.is_empty() {
            told.push(format!("One person, as known by {}, has one entry.", list(&identity, " or ")));
        }
        if !policy.claim().is_empty() {
            told.push(format!("When it is their turn, everybody {}.", self.one_of(policy.claim())));
        }
        if !policy.suspicious().is_empty() {
            let (points, ways) = (policy.suspicious_at, self.one_of(policy.suspicious()));
            told.push(format!("Whoever has {points} points of suspicion {ways} when it is their turn."));
        }
        told.extend(self.bound());
        Some(told.join(" "))
    }

    fn joining(&self) -> String {
        let mut steps: Vec<String> = self.policy.all_of().iter().map(|way| self.doing(way)).collect();
        if !self.policy.any_of().is_empty() {
            steps.push(self.one_of(self.policy.any_of()));
        }
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        match steps.is_empty() {
            true => "To enter, a fan shows nothing.".to_owned(),
            false => format!("To enter, a fan {}.", list(&steps, ", and ")),
        }
    }

    fn one_of(&self, ways: &[WayName]) -> String {
        let doings: Vec<String> = ways.iter().map(|way| self.doing(way)).collect();
        list(&doings.iter().map(String::as_str).collect::<Vec<_>>(), " or ")
    }

    /// What somebody does who shows a way.
    fn doing(&self, way: &WayName) -> String {
        match self.policy.kind(way) {
            Some(WayKind::Work) => {
                let tables = self.work.rules.effort;
                format!("lets the device solve a puzzle ({tables} {})", if tables == 1 { "table" } else { "tables" })
            }
            Some(WayKind::Challenge) => format!("solves the challenge {way}"),
            Some(WayKind::PrivateToken) => "shows a private access token".to_owned(),
            Some(WayKind::Code { entries_max: 1 }) => "shows a code".to_owned(),
            Some(WayKind::Code { entries_max }) => format!("shows a code (good for up to {entries_max} entries)"),
            Some(WayKind::Shop) => format!("comes with a token of {way}"),
            Some(WayKind::Oidc { .. }) => format!("signs in at {way}"),
            Some(WayKind::Mail) => "types a code that was mailed".to_owned(),
            None => format!("shows {way}"),
        }
    }

    fn bound(&self) -> Option<String> {
        let moves = match self.policy.moves {
            0 => "it cannot move to another device".to_owned(),
            1 => "it may move to another device once".to_owned(),
            moves => format!("it may move to another device {moves} times"),
        };
        match self.policy.binding {
            Binding::None => None,
            Binding::Key => Some(format!("An entry is bound to a key of its browser; {moves}.")),
            Binding::Network => Some("A claim from another network counts as suspicious.".to_owned()),
        }
    }
}

/// `a, b or c`, with the word given for the last.
fn list(items: &[&str], word: &str) -> String {
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{}{word}{last}", before.join(", ")),
    }
}
