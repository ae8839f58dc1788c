//! The scripts that tell a fan of the turn, below `/tell/`; the same for every room.

use super::entry_script::LanguageTag;

/// A script that tells fans when it is their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TellScript {
    /// What a fan presses, with its words in a language.
    Language(LanguageTag),
    /// The worker that notifications come from.
    Worker,
}

impl TellScript {
    /// The script of a path below the gate's prefix.
    pub(super) fn of(rest: &str) -> Option<Self> {
        match rest.strip_prefix("/tell/")?.strip_suffix(".js")? {
            "worker" => Some(Self::Worker),
            tag => LanguageTag::read(tag).map(Self::Language),
        }
    }
}
