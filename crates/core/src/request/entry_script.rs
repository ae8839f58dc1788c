//! The scripts by which fans show who they are, below `/entry/`; the same for every room.
//!
//! Guarantee: a language in a script's address is short and plain.

/// A script of the entry's page, the same for every room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryScript {
    /// Solves the puzzle, in a worker.
    Birthday,
    /// The screen before the join, with its words in a language.
    Language(LanguageTag),
    /// What is filled in or pressed there.
    Forms,
    /// What binds a place to the browser.
    Key,
    /// What offers the place to another device.
    Move,
}

impl EntryScript {
    /// The script of a path below the gate's prefix.
    pub(super) fn of(rest: &str) -> Option<Self> {
        let name = rest.strip_prefix("/entry/")?.strip_suffix(".js")?;
        Some(match name {
            "birthday" => Self::Birthday,
            "forms" => Self::Forms,
            "key" => Self::Key,
            "move" => Self::Move,
            tag => Self::Language(LanguageTag::read(tag)?),
        })
    }
}

/// A language's tag as a script's address has it: 2 to 11 letters and hyphens (BCP 47), lower and upper case told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LanguageTag {
    bytes: [u8; 11],
    length: usize,
}

impl LanguageTag {
    /// Reads a tag; `None` where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_tag = text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let mut bytes = [0; 11];
        bytes.get_mut(..text.len()).filter(|_| is_tag && text.len() >= 2)?.copy_from_slice(text.as_bytes());
        Some(Self { bytes, length: text.len() })
    }

    /// The tag.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
