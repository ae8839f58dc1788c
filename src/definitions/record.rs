//! One definition as it is kept: who wrote which revision when, and the text.
//!
//! The form, on a disk and in Redis: a comment of one line, and the TOML behind it. So the file is one that people can read.

use fairgate_store::Definition;

/// The most bytes of a text: a room with a sale on every day of a year has room in it.
pub const TEXT_BYTES_MAX: usize = 12 * 1024;
const NAME_BYTES_MAX: usize = 40;
const HEAD: &str = "#: ";

/// What a definition is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A room that edges serve, or one that is archived.
    Room,
    /// What people prepare.
    Draft,
}

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of what.
    pub kind: Kind,
    /// The room's name.
    pub name: String,
    /// How often something was written under this name; the first one is 1.
    pub revision: u64,
    /// True for a room that is archived, or a draft that is discarded.
    pub is_gone: bool,
    /// When it was written, Unix ms.
    pub at_ms: u64,
    /// By whom: the token's name.
    pub who: String,
    /// One `[[room]]`.
    pub text: String,
}

/// True for what can be a room's name: it stands in URLs, cookies and names of files.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 2] = [Self::Room, Self::Draft];

    /// The directory below `store.path`.
    pub(super) fn dir(self) -> &'static str {
        match self {
            Self::Room => "rooms.d",
            Self::Draft => "drafts.d",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::Draft => "draft",
        }
    }
}

impl Record {
    /// As edges of a fleet keep it.
    pub(super) fn definition(&self) -> Definition {
        Definition::new(&self.full_name(), self.revision, self.bytes())
    }

    /// Its name in the fleet's store.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name)
    }

    /// What a name in the fleet's store stands for.
    pub(super) fn parse_name(name: &str) -> Option<(Kind, &str)> {
        let (word, name) = name.split_once('/')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
        is_name(name).then_some((kind, name))
    }

    /// As it is kept.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { kind, revision, is_gone, at_ms, who, text, .. } = self;
        let state = if *is_gone { "gone" } else { "kept" };
        let who: String = who.chars().filter(|sign| !sign.is_control()).collect();
        let mut bytes = String::with_capacity(text.len() + 80);
        for part in
            [HEAD, kind.word(), " ", &revision.to_string(), " ", state, " ", &at_ms.to_string(), " ", &who, "\n", text]
        {
            bytes.push_str(part);
        }
        bytes.into_bytes()
    }

    /// Reads what [`Self::bytes`] has written. A text without the first line, which somebody has put there, is revision 1.
    pub(super) fn parse(kind: Kind, name: &str, bytes: &[u8]) -> Option<Self> {
        let all = str::from_utf8(bytes).ok()?;
        let name = name.to_owned();
        let Some((head, text)) = all.strip_prefix(HEAD).map(|rest| rest.split_once('\n').unwrap_or((rest, ""))) else {
            let (who, text) = (String::new(), all.to_owned());
            return Some(Self { kind, name, revision: 1, is_gone: false, at_ms: 0, who, text });
        };
        let mut words = head.splitn(5, ' ');
        let is_of_kind = words.next()? == kind.word();
        let revision = words.next()?.parse().ok()?;
        let is_gone = words.next()? == "gone";
        let at_ms = words.next()?.parse().ok()?;
        let who = words.next().unwrap_or_default().to_owned();
        let fits = is_of_kind && text.len() <= TEXT_BYTES_MAX;
        fits.then(|| Self { kind, name, revision, is_gone, at_ms, who, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for (kind, is_gone, who, text) in [
            (Kind::Room, false, "maria", "[[room]]\nname = \"final\"\n"),
            (Kind::Draft, true, "Maria João", ""),
            (Kind::Room, true, "", "#: nothing\n"),
        ] {
            let (name, who, text) = ("final".to_owned(), who.to_owned(), text.to_owned());
            let record = Record { kind, name, revision: 7, is_gone, at_ms: 1_796_376_600_000, who, text };
            assert_eq!(Record::parse(kind, "final", &record.bytes()), Some(record.clone()));
            let definition = record.definition();
            assert_eq!(Record::parse_name(&definition.name), Some((kind, "final")));
            assert_eq!(definition.tag.revision, 7);
        }
    }

    #[test]
    fn a_text_that_somebody_has_put_there_is_the_first_revision_and_anything_else_is_none() {
        let own = Record::parse(Kind::Room, "final", b"[[room]]\n").unwrap();
        assert_eq!((own.revision, &*own.text, own.is_gone), (1, "[[room]]\n", false));
        let long = vec![b'#'; TEXT_BYTES_MAX + 1];
        for bytes in [
            &b"#: draft 1 kept 5 maria\n"[..],
            b"#: room one kept 5 maria\n",
            b"\xff",
            &[b"#: room 1 kept 5 x\n", &long[..]].concat(),
        ] {
            assert_eq!(Record::parse(Kind::Room, "final", bytes), None);
        }
        for name in ["../final", "room/", "room/Final", "shop/final", "room/a b"] {
            assert_eq!(Record::parse_name(name), None, "{name}");
        }
    }
}
