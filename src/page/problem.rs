//! The page that shows a refusal to people. It has a few words in their language, in the waiting page's design, under
//! the name of what they came for.
//!
//! Guarantees: the page runs nothing and loads nothing, and its policy allows its own style alone; what a client sent is
//! escaped.

use std::sync::LazyLock;

use fairgate_pages::escape;
use http::HeaderValue;

use super::{Document, language, policy};

/// Made once: refusals are told when there is much to do.
static STYLE: LazyLock<(String, HeaderValue)> = LazyLock::new(|| {
    let style = fairgate_pages::style(include_str!("../../pages/problem/problem.css"));
    let csp = policy::header(&format!("<style>{style}</style>"), &[]);
    (style, csp)
});

/// Which words tell a problem to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The request cannot be read, or asks for what cannot be.
    Bad,
    /// There is nothing at this address.
    Nothing,
    /// The request came from another site.
    Foreign,
    /// The body is too large.
    Large,
    /// The request came too slowly.
    Slow,
    /// The sale has not begun.
    NotOpen,
    /// The sale is over.
    Ended,
    /// There is no ticket, or none that counts.
    Ticket,
    /// The place is gone.
    Expired,
    /// The room cannot be asked just now.
    Busy,
    /// The shop does not answer.
    Down,
    /// The shop has no room for the request.
    Full,
    /// The client asks too often.
    Often,
    /// The page is behind a waiting room.
    Room,
    /// Something went wrong.
    Internal,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Bad,
        Self::Nothing,
        Self::Foreign,
        Self::Large,
        Self::Slow,
        Self::NotOpen,
        Self::Ended,
        Self::Ticket,
        Self::Expired,
        Self::Busy,
        Self::Down,
        Self::Full,
        Self::Often,
        Self::Room,
        Self::Internal,
    ];

    /// The key of its heading in a language's texts.
    fn key(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Nothing => "nothing",
            Self::Foreign => "foreign",
            Self::Large => "large",
            Self::Slow => "slow",
            Self::NotOpen => "not_open",
            Self::Ended => "ended",
            Self::Ticket => "ticket",
            Self::Expired => "expired",
            Self::Busy => "busy",
            Self::Down => "down",
            Self::Full => "full",
            Self::Often => "often",
            Self::Room => "room",
            Self::Internal => "internal",
        }
    }
}

/// A page of its own, for one refusal.
#[derive(Clone, Copy, Debug)]
pub struct ProblemPage<'p> {
    /// Which words tell the problem.
    pub told: Told,
    /// What the fan came for, where that is known.
    pub title: Option<&'p str>,
    /// What only whoever made the request can mend, in English.
    pub detail: Option<&'p str>,
    /// When the page asks again by itself.
    pub retry_after_s: Option<u64>,
}

impl ProblemPage<'_> {
    /// The page by the request's `Accept-Language` (empty where absent).
    #[must_use]
    pub fn document(&self, accept_language: &[u8]) -> Document {
        let language = language::get(language::negotiate(accept_language));
        let text = |key: &str| language.problem.get(key).map_or("", String::as_str);
        let (key, (style, csp)) = (self.told.key(), &*STYLE);
        let html = format!(
            include_str!("../../pages/problem/problem.html"),
            lang = language.tag,
            dir = language.dir,
            style = style,
            heading = text(key),
            words = text(&format!("{key}_words")),
            title = Self::line(self.title, " class=\"kicker\" dir=\"auto\""),
            again = Self::line(self.retry_after_s.map(|_| text("again")), ""),
            detail = Self::line(self.detail, " class=\"detail\" lang=\"en\" dir=\"ltr\""),
            refresh = self.refresh(),
        );
        Document {
            shared: bytes::Bytes::new(),
            body: html.into(),
            content_encoding: None,
            content_language: language.tag,
            csp: csp.clone(),
        }
    }

    /// A paragraph, where there is something to say.
    fn line(words: Option<&str>, attributes: &str) -> String {
        words.map_or_else(String::new, |words| format!("<p{attributes}>{}</p>\n", escape(words)))
    }

    fn refresh(&self) -> String {
        self.retry_after_s
            .map_or_else(String::new, |seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(page: &ProblemPage<'_>, accept_language: &str) -> String {
        String::from_utf8(page.document(accept_language.as_bytes()).body.to_vec()).expect("UTF-8")
    }

    const DOWN: ProblemPage<'_> =
        ProblemPage { told: Told::Down, title: Some("Fado & <Friends>"), detail: None, retry_after_s: Some(5) };

    #[test]
    fn every_refusal_has_its_words_in_every_language() {
        for language in language::all() {
            for told in Told::ALL {
                let html = html(&ProblemPage { told, ..DOWN }, language.tag);
                let (heading, words) =
                    (&language.problem[told.key()], &language.problem[&format!("{}_words", told.key())]);
                assert!(!heading.is_empty() && !words.is_empty(), "{told:?} in {}", language.tag);
                assert!(html.contains(&format!("<html lang=\"{}\"", language.tag)));
                assert!(html.trim_end().ends_with("</html>"), "{told:?}: the document is complete");
            }
        }
    }

    #[test]
    fn it_says_what_the_fan_came_for_and_quotes_nothing_raw() {
        let html = html(&ProblemPage { detail: Some("<script>alert(1)</script>"), ..DOWN }, "de-AT");
        assert!(html.contains("Fado &amp; &lt;Friends&gt;") && html.contains("content=\"5\""));
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
        let plain = self::html(&ProblemPage { title: None, retry_after_s: None, ..DOWN }, "");
        assert!(!plain.contains("http-equiv") && !plain.contains("class=\"kicker\""), "{plain}");
    }

    #[test]
    fn its_policy_allows_its_own_style_alone() {
        let document = DOWN.document(b"en");
        let csp = document.csp.to_str().expect("ASCII");
        assert!(csp.contains("script-src 'none'") && !csp.contains("unsafe"), "{csp}");
        let html = String::from_utf8(document.body.to_vec()).expect("UTF-8");
        assert_eq!(document.csp, policy::header(&html, &[]), "the style on the page is the one that is allowed");
    }
}
