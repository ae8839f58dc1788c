//! The scripts that pages run in workers: what few fans need, and what takes long.
//!
//! Guarantees:
//! - each is compressed once, when somebody first asks for it, and is the same for every room and language
//! - their policy lets them load and ask for nothing

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;

use super::encoding::{Encoding, Head};
use super::{language, script};

/// A script of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerScript {
    /// Checks whether drand signed a round.
    Round,
    /// Reads the draw log's proof of a freeze, and says who saw it.
    Seen,
    /// Solves the puzzles before an entry.
    Birthday,
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

static ROUND: LazyLock<Head> = LazyLock::new(|| Head::compress(round().as_bytes()));
static SEEN: LazyLock<Head> = LazyLock::new(|| Head::compress(seen().as_bytes()));
static BIRTHDAY: LazyLock<Head> = LazyLock::new(|| Head::compress(fairgate_pages::bundle(script::BIRTHDAY).as_bytes()));

impl WorkerScript {
    /// Its `Content-Security-Policy`: a worker has one of its own.
    pub const CSP: &'static str = "default-src 'none'";

    /// The script by the request's `Accept-Encoding` (empty where absent).
    #[must_use]
    pub fn document(self, accept_encoding: &[u8]) -> ScriptDocument {
        let head = match self {
            Self::Round => &ROUND,
            Self::Seen => &SEEN,
            Self::Birthday => &BIRTHDAY,
        };
        let encoding = Encoding::negotiate(accept_encoding);
        ScriptDocument {
            shared: head.part(encoding).clone(),
            body: head.tail(encoding, b""),
            content_encoding: encoding.name(),
        }
    }
}

fn round() -> String {
    format!("{}\n{}", script::BLS, fairgate_pages::bundle(script::ROUND))
}

/// With the words that it may say, in every language.
fn seen() -> String {
    let texts: BTreeMap<_, _> = language::all().iter().map(|language| (language.tag, words(&language.check))).collect();
    let texts = serde_json::to_string(&texts).expect("texts by names");
    format!("globalThis.texts={texts};\n{}", fairgate_pages::bundle(script::SEEN))
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

    fn plain(script: WorkerScript) -> String {
        let document = script.document(b"");
        String::from_utf8([document.shared, document.body].concat()).expect("UTF-8")
    }

    #[test]
    fn each_is_whole_and_not_too_large() {
        for (script, bytes_max) in
            [(WorkerScript::Round, 40_000), (WorkerScript::Seen, 10_000), (WorkerScript::Birthday, 1_600)]
        {
            for encoding in ["br", "gzip"] {
                let document = script.document(encoding.as_bytes());
                assert_eq!(document.content_encoding, Some(encoding));
                assert!(document.shared.len() < bytes_max, "{script:?} {encoding}: {} bytes", document.shared.len());
            }
            assert!(plain(script).trim_end().ends_with(';'), "{script:?} is complete");
        }
        assert!(plain(WorkerScript::Round).starts_with(script::BLS));
    }

    #[test]
    fn whoever_saw_a_freeze_is_told_of_in_every_language() {
        let script = plain(WorkerScript::Seen);
        for language in language::all() {
            assert!(script.contains(&language.check["seen_nobody"]), "{}", language.tag);
        }
    }
}
