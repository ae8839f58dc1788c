//! `[room.session]`: how long somebody may stay in the shop, and what a session is asked to prove.

use fairgate_entry::policy::Binding;

use super::reader::Section;
use super::times::Span;
use super::value::Word;

/// How long a session lasts: unused, and in any case, ms.
pub(super) type SessionSpans = (u64, u64);

/// A browser signs a few times within minutes and refuses then, so nothing is asked more often.
const PROVE_MS_MIN: u64 = 120_000;

/// What a room's sessions are asked to prove. How long they last is part of the room's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// How long a bound pass lasts without a new proof of its key, ms.
    pub prove_ms: u64,
    /// What happens to a pass that is used in several networks at once.
    pub several: Several,
}

/// What happens to a pass that is used in several networks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Several {
    /// It is counted.
    Count,
    /// It proves its key at once.
    Prove,
    /// It ends.
    End,
}

impl SessionConfig {
    /// Reads `[room.session]`. Unless configured, a pass in several networks proves its key where it has one.
    pub(super) fn read(section: &Section<'_>, binding: Option<Binding>) -> Option<(SessionSpans, Self)> {
        let idle_ms = section.timeout("idle", Span::seconds(10 * 60));
        let max_ms = section.timeout("max", Span::seconds(60 * 60));
        section.check(
            idle_ms <= max_ms,
            "idle",
            "is longer than max",
            "a session ends at max in any case; make idle shorter",
        );
        let prove_ms = section.timeout("prove", Span::seconds(3 * 60));
        section.check(
            prove_ms >= PROVE_MS_MIN || prove_ms == 0,
            "prove",
            "is so short that browsers would refuse to sign that often",
            r#"write "2m" or more; "3m" is right for most"#,
        );
        let unsaid = if binding == Some(Binding::Key) { Several::Prove } else { Several::Count };
        let several = section.get_or("several", unsaid);
        section.check(
            several != Several::Prove || binding.is_none_or(|binding| binding == Binding::Key),
            "several",
            "asks for a proof, and passes of this room have no key",
            r#"set binding = "key" in [room.entry], or write "count" or "end""#,
        );
        Some(((idle_ms, max_ms), Self { prove_ms, several }))
    }
}

impl Word for Several {
    const WORDS: &'static [(&'static str, Self)] =
        &[("count", Self::Count), ("prove", Self::Prove), ("end", Self::End)];
}
