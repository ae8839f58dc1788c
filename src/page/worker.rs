//! The scripts that pages run in workers: what few fans need, and what takes long.
//!
//! Guarantees:
//! - each is compressed once, when somebody first asks for it, and is the same for every room
//! - one that says something says it in the language of the page that runs it
//! - their policy lets them load and ask for nothing

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;

use super::encoding::Head;
use super::language::{self, Language};
use super::script;

/// A script of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerScript {
    /// Checks whether drand signed a round.
    Round,
    /// Reads the draw log's proof of a freeze, and says who saw it.
    Seen,
    /// Solves the puzzles before an entry.
    Birthday,
    /// Shows notifications, and brings a fan back who presses one.
    Tell,
}

/// An answer's body and how it is coded.
#[derive(Clone, Debug)]
pub struct ScriptDocument {
    /// The body's beginning, already encoded, which everybody shares.
    pub shared: Bytes,
    /// The rest of it.
    pub body: Bytes,
    /// `Content-Encoding`; none for an identity body.
    pub content_encoding: Option<&'static str>,
}

static ROUND: LazyLock<Head> = LazyLock::new(|| Head::new(round().as_bytes()));
static SEEN: [OnceLock<Head>; language::COUNT] = [const { OnceLock::new() }; language::COUNT];
static TELL: LazyLock<Head> = LazyLock::new(|| Head::new(fairgate_pages::bundle(script::TELL_WORKER).as_bytes()));
static BIRTHDAY: LazyLock<Head> = LazyLock::new(|| Head::new(fairgate_pages::bundle(script::BIRTHDAY).as_bytes()));

impl WorkerScript {
    /// Its `Content-Security-Policy`: a worker has one of its own.
    pub const CSP: &'static str = "default-src 'none'";

    /// The script by the request's `Accept-Language` and `Accept-Encoding` (empty where absent).
    #[must_use]
    pub fn document(self, accept_language: &[u8], accept_encoding: &[u8]) -> ScriptDocument {
        let head = self.head(language::negotiate(accept_language));
        let encoding = head.negotiate(accept_encoding);
        ScriptDocument {
            shared: head.part(encoding),
            body: head.tail(encoding, &[]),
            content_encoding: encoding.name(),
        }
    }

    fn head(self, index: usize) -> &'static Head {
        match self {
            Self::Round => &ROUND,
            Self::Birthday => &BIRTHDAY,
            Self::Tell => &TELL,
            Self::Seen => SEEN[index].get_or_init(|| Head::new(seen(language::get(index).of_check()).as_bytes())),
        }
    }
}

fn round() -> String {
    format!("{}\n{}", script::BLS, fairgate_pages::bundle(script::ROUND))
}

/// With the words that it may say.
fn seen(language: &Language) -> String {
    let text = serde_json::to_string(&words(&language.check)).expect("texts by names");
    format!("globalThis.text={text};\n{}", fairgate_pages::bundle(script::SEEN))
}

/// Who saw a freeze, and why a proof is refused.
fn words(check: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    const REFUSED: [&str; 4] = ["why_log-signature", "why_other-freeze", "why_cosignature", "why_fork"];
    let said = check.iter().filter(|(key, _)| key.starts_with("seen_") || REFUSED.contains(&key.as_str()));
    said.map(|(key, text)| (key.as_str(), text.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(script: WorkerScript, language: &str) -> String {
        let document = script.document(language.as_bytes(), b"");
        String::from_utf8([document.shared, document.body].concat()).expect("UTF-8")
    }

    #[test]
    fn each_is_whole_and_not_too_large() {
        for (script, bytes_max) in [
            (WorkerScript::Round, 40_000),
            (WorkerScript::Seen, 10_000),
            (WorkerScript::Birthday, 1_600),
            (WorkerScript::Tell, 400),
        ] {
            script.head(0).brotli();
            for encoding in ["br", "gzip"] {
                let document = script.document(b"en", encoding.as_bytes());
                assert_eq!(document.content_encoding, Some(encoding));
                assert!(document.shared.len() < bytes_max, "{script:?} {encoding}: {} bytes", document.shared.len());
            }
            assert!(plain(script, "en").trim_end().ends_with(';'), "{script:?} is complete");
        }
        assert!(plain(WorkerScript::Round, "en").starts_with(script::BLS));
    }

    #[test]
    fn whoever_saw_a_freeze_is_told_of_in_every_language() {
        for language in language::all() {
            let script = plain(WorkerScript::Seen, language.tag);
            assert!(script.contains(&language.of_check().check["seen_nobody"]), "{}", language.tag);
        }
    }
}
