//! Parcels: files that one edge of a fleet has and another one lacks, handed on through the store piece by piece.
//!
//! Guarantees:
//! - the store never has a whole parcel: a piece is there for seconds, only where an edge has asked for it, and few are at a time
//! - what edges tell is bounded, and names nothing but files in one folder
//!
//! Edges tell which parcels they have. One that lacks a parcel leaves a wish for its next piece; whoever has the parcel puts that
//! piece there, and the first one takes it away. Whether a parcel is what it is said to be, its taker has to check.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of a piece; the last one of a file is shorter.
pub const PIECE_BYTES: u64 = 1 << 20;
/// Parcels that are told of at once, by all edges; those that were told the longest ago go first.
pub const PARCELS_MAX: usize = 128;
/// Pieces that are asked for, or wait to be taken, at once.
pub const WISHES_MAX: usize = 16;
/// Files of a parcel: a draw has two lists for each of its tiers, 16 at most, and a few files besides.
pub const PARCEL_FILES_MAX: usize = 40;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 100;

/// Where parcels of one kind are exchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Depot {
    /// Draws of a room's sales that are over.
    Draws {
        /// The room.
        room: String,
    },
    /// Lists of a campaign's codes.
    Codes {
        /// The campaign.
        campaign: String,
    },
}

/// A parcel, as an edge that has it tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// What it is: two parcels of one name have the same bytes.
    pub name: String,
    /// When what is in it was made, Unix ms.
    pub at_ms: u64,
    /// Its files, in the order in which they are handed on.
    pub files: Vec<ParcelFile>,
}

/// A file of a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelFile {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
}

/// A piece of a file that an edge asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The parcel.
    pub parcel: String,
    /// The file.
    pub file: String,
    /// The first byte of the piece.
    pub from: u64,
}

/// What is told in a depot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The parcels that edges have.
    pub parcels: Vec<Parcel>,
    /// The pieces that are asked for.
    pub wishes: Vec<Wish>,
}

impl Parcel {
    /// All bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |bytes, file| bytes.saturating_add(file.bytes))
    }

    /// Reads what [`Self::text`] wrote; nothing of what no parcel may be.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parcel: Self = serde_json::from_str(text).ok()?;
        let is_sound = parcel.files.len() <= PARCEL_FILES_MAX
            && is_name(&parcel.name)
            && parcel.files.iter().all(|file| is_name(&file.name));
        is_sound.then_some(parcel)
    }

    /// The parcel as the store has it.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.parcel, self.file, self.from)
    }
}

impl Wish {
    /// Reads what is shown of a wish; nothing of what none may be.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let (parcel, file, from) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
        let is_sound = is_name(&parcel) && is_name(&file) && parts.next().is_none();
        is_sound.then_some(Self { parcel, file, from })
    }
}

/// True if a text is the name of a file in a folder, and of no folder.
fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_edges_tell_names_files_of_one_folder_or_is_passed_over() {
        let file = |name: &str| ParcelFile { name: name.to_owned(), bytes: 3 };
        let parcel = |name: &str, files| Parcel { name: name.to_owned(), at_ms: 5, files };
        let sound = parcel("0a.1b", vec![file("draw.json"), file("roster.0")]);
        assert_eq!((Parcel::parse(&sound.text()), sound.bytes()), (Some(sound.clone()), 6));
        for other in [
            parcel("..", vec![file("roster")]),
            parcel("0a", vec![file("../keys")]),
            parcel("0a", vec![file("")]),
            parcel("0a", vec![file(".x")]),
            parcel("0a", (0..=PARCEL_FILES_MAX).map(|_| file("roster")).collect()),
            parcel(&"a".repeat(NAME_BYTES_MAX + 1), Vec::new()),
        ] {
            assert_eq!(Parcel::parse(&other.text()), None, "{other:?}");
        }
        assert_eq!(Parcel::parse("{}"), None);
        let wish = Wish { parcel: "0a.1b".into(), file: "roster.0".into(), from: PIECE_BYTES };
        assert_eq!(Wish::parse(&wish.to_string()), Some(wish));
        for other in ["", "a/b", "a/b/c", "a/../0", "a/b/0/0", "a//0", "a/b/-1"] {
            assert_eq!(Wish::parse(other), None, "{other}");
        }
    }
}
