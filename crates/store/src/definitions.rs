//! Definitions of rooms, which people have written: by name, with a revision that only grows.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};

/// How many bytes of a digest tell two definitions with one revision apart.
const DIGEST_BYTES: usize = 8;

/// Which definition has a name: its revision, and a digest that tells it from another one with the same revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DefinitionTag {
    /// How often something has been written under the name; it is never given again.
    pub revision: u64,
    /// Of the bytes, in hex.
    pub digest: String,
}

/// A definition as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Under which name.
    pub name: String,
    /// Its tag.
    pub tag: DefinitionTag,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// What all edges of a fleet have written, and which of them have all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionsLook {
    /// The tags by name.
    pub tags: Vec<(String, DefinitionTag)>,
    /// What each edge has told last of what it has, those that have told nothing for some seconds left out.
    pub edges: Vec<String>,
}

impl Definition {
    /// A definition with a revision.
    #[must_use]
    pub fn new(name: &str, revision: u64, bytes: Vec<u8>) -> Self {
        let digest = hex::encode(&digest(&SHA256, &bytes).as_ref()[..DIGEST_BYTES]);
        Self { name: name.to_owned(), tag: DefinitionTag { revision, digest }, bytes }
    }
}

impl fmt::Display for DefinitionTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.digest)
    }
}

impl FromStr for DefinitionTag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (revision, digest) = text.split_once('-').ok_or(())?;
        Ok(Self { revision: revision.parse().map_err(|_| ())?, digest: digest.to_owned() })
    }
}
