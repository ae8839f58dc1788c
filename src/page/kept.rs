//! The page that keeps a fan's own form: for a `POST` that cannot be served just now, and for one that another site sent. And
//! the page on which a browser proves its key before it goes on, with a form or without.
//!
//! Guarantees:
//! - every field is on the page as it was sent, so that sending it again loses nothing
//! - it works without scripts, but where a key is to be proved
//! - nothing that was sent is taken for markup, and nothing is loaded but the script that proves the key
//!
//! No address but the one that was asked for is in it.

use fairgate_pages::escape;
use http::HeaderValue;

use super::language::{self, Language};
use super::policy;

/// Why the form has not gone to the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptWhy {
    /// The shop has no room for it.
    Full,
    /// The shop, or the room, does not answer.
    Down,
    /// The form's sender asks too often.
    Often,
    /// The form came without a pass.
    Outside,
    /// Another site sent it, and so it came without a pass.
    Foreign,
    /// As [`Self::Foreign`], to a path that other sites send fans back to.
    Returning,
    /// The pass opens nothing before its key was proved again.
    Proving,
}

/// A form on its way.
#[derive(Clone, Copy, Debug)]
pub struct KeptForm<'f> {
    /// Why it has not gone on.
    pub why: KeptWhy,
    /// The path and query that it was sent to.
    pub target: &'f str,
    /// Its fields, in order; `None` where it could not be kept.
    pub fields: Option<&'f [(String, String)]>,
    /// The site that sent it, where that is another.
    pub from: Option<&'f str>,
    /// The path of the script that proves a key.
    pub keep: &'f str,
}

/// A visit that goes on once the browser's key was proved.
#[derive(Clone, Copy, Debug)]
pub struct ProofPage<'p> {
    /// The path and query that was asked for.
    pub target: &'p str,
    /// The path of the script that proves a key.
    pub keep: &'p str,
}

/// A page of its own, for one fan.
#[derive(Clone, Debug)]
pub struct KeptPage {
    /// HTML.
    pub html: String,
    /// `Content-Language`.
    pub content_language: &'static str,
    /// `Content-Security-Policy`.
    pub csp: HeaderValue,
}

const STYLE: &str = ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;\
     font:1.125rem/1.5 system-ui,sans-serif}main{max-width:34rem;padding:2rem}h1{margin:0 0 .5rem;font-size:1.75rem;\
     line-height:1.2}button{font:inherit;padding:.75rem 1.5rem;min-height:44px;cursor:pointer}";

/// A form may have a field that is called `submit`.
const SEND_ON: &str = "HTMLFormElement.prototype.submit.call(document.forms[0])";

impl KeptForm<'_> {
    /// The page, in the language that the fan's browser likes best.
    #[must_use]
    pub fn page(&self, accept_language: &[u8]) -> KeptPage {
        let language = language::get(language::negotiate(accept_language));
        let html = self.html(language);
        let csp = if self.why == KeptWhy::Proving { policy::of_proof(&html) } else { policy::of_form(&html) };
        KeptPage { csp, html, content_language: language.tag }
    }

    fn html(&self, language: &Language) -> String {
        let text = |key: &str| language.kept.get(key).map_or("", String::as_str);
        let title = text(if self.fields.is_none() { "lost_title" } else { self.why.title() });
        let from = escape(self.from.unwrap_or_default());
        let mut main = format!("<h1>{title}</h1><p>{}</p>", text(self.why.words()).replace("{site}", &from));
        if self.why == KeptWhy::Outside {
            let line = escape(self.target);
            main += &format!("<p><a href=\"{line}\" target=\"_blank\" rel=\"noopener\">{}</a></p>", text("line"));
        }
        match self.fields {
            Some(fields) => main += &self.form(fields, text),
            None => main += &format!("<p>{}</p>", text("lost")),
        }
        if self.why == KeptWhy::Proving {
            main += &proving(self.keep, if self.fields.is_some() { "send" } else { "stay" });
        }
        document(language, title, &main)
    }

    fn form<'t>(&self, fields: &[(String, String)], text: impl Fn(&str) -> &'t str) -> String {
        let mut form = format!("<form method=\"post\" accept-charset=\"utf-8\" action=\"{}\">", escape(self.target));
        for (name, value) in fields {
            form += &format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", attribute(name), attribute(value));
        }
        form += &format!("<button>{}</button></form>", text(self.why.button()));
        if self.why == KeptWhy::Returning {
            form += &format!("<script>{SEND_ON}</script>");
        }
        form
    }
}

impl ProofPage<'_> {
    /// The page, in the language that the fan's browser likes best.
    #[must_use]
    pub fn page(&self, accept_language: &[u8]) -> KeptPage {
        let language = language::get(language::negotiate(accept_language));
        let text = |key: &str| language.kept.get(key).map_or("", String::as_str);
        let title = text(KeptWhy::Proving.title());
        let enter = language.script.get("enter").map_or("", String::as_str);
        let (words, target) = (text(KeptWhy::Proving.words()), escape(self.target));
        let main = format!("<h1>{title}</h1><p>{words}</p><p><a href=\"{target}\">{enter}</a></p>");
        let html = document(language, title, &(main + &proving(self.keep, "load")));
        KeptPage { csp: policy::of_proof(&html), html, content_language: language.tag }
    }
}

/// The script that proves the browser's key, and what it does then.
fn proving(keep: &str, then: &str) -> String {
    format!("<script src=\"{}\" data-then=\"{then}\" async></script>", escape(keep))
}

fn document(language: &Language, title: &str, main: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{}\" dir=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>",
        language.tag, language.dir
    )
}

impl KeptWhy {
    fn title(self) -> &'static str {
        match self {
            Self::Foreign => "foreign_title",
            Self::Returning | Self::Proving => "returning_title",
            Self::Full | Self::Down | Self::Often | Self::Outside => "title",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Down => "down",
            Self::Often => "often",
            Self::Outside => "outside",
            Self::Foreign => "foreign",
            Self::Returning | Self::Proving => "returning",
        }
    }

    fn button(self) -> &'static str {
        match self {
            Self::Foreign | Self::Returning | Self::Proving => "on",
            Self::Full | Self::Down | Self::Often | Self::Outside => "again",
        }
    }
}

/// Line ends as they were: a browser reads a bare CR as LF.
fn attribute(text: &str) -> String {
    escape(text).replace('\r', "&#13;").replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [KeptWhy; 7] = [
        KeptWhy::Full,
        KeptWhy::Down,
        KeptWhy::Often,
        KeptWhy::Outside,
        KeptWhy::Foreign,
        KeptWhy::Returning,
        KeptWhy::Proving,
    ];
    const KEEP: &str = "/.fairgate/final/keep.js";

    fn form(why: KeptWhy, fields: Option<&[(String, String)]>) -> KeptForm<'_> {
        KeptForm { why, target: "/pay?a=1&b=\"2\"", fields, from: Some("bank.example"), keep: KEEP }
    }

    #[test]
    fn every_field_is_there_and_none_is_markup() {
        let fields = [("seat\"><script>".to_owned(), "a&b\r\n<c>'".to_owned()), ("submit".to_owned(), String::new())];
        let page = form(KeptWhy::Full, Some(&fields)).page(b"en");
        let inputs = "<input type=\"hidden\" name=\"seat&quot;&gt;&lt;script&gt;\" value=\"a&amp;b&#13;&#10;&lt;c&gt;&#39;\">\
                      <input type=\"hidden\" name=\"submit\" value=\"\">";
        assert!(page.html.contains(inputs), "{}", page.html);
        assert!(page.html.contains("action=\"/pay?a=1&amp;b=&quot;2&quot;\"") && !page.html.contains("<script"));
        assert!(!page.html.contains("http-equiv"), "nothing that would make a GET of it");
    }

    #[test]
    fn only_a_return_goes_on_by_itself_and_all_speak_the_fans_language() {
        for why in ALL {
            for (tag, other) in [("en", "pt"), ("pt", "de"), ("de", "es"), ("es", "fr"), ("fr", "en")] {
                let [page, theirs] = [tag, other].map(|tag| form(why, Some(&[])).page(tag.as_bytes()));
                assert_eq!((page.content_language, page.html.contains("<script>")), (tag, why == KeptWhy::Returning));
                assert_ne!(page.html.split("<h1>").nth(1), theirs.html.split("<h1>").nth(1), "{why:?} {tag}");
                assert!(!page.html.contains("<p></p>") && !page.html.contains("<button></button>"), "{}", page.html);
                assert!(!page.html.contains("{site}"));
            }
        }
    }

    #[test]
    fn a_key_is_proved_by_one_script_and_the_form_goes_on() {
        let sent = form(KeptWhy::Proving, Some(&[])).page(b"en");
        assert!(sent.html.contains("<script src=\"/.fairgate/final/keep.js\" data-then=\"send\" async></script>"));
        let visit = ProofPage { target: "/a?b=\"", keep: KEEP }.page(b"de");
        assert!(visit.html.contains("data-then=\"load\"") && visit.html.contains("<a href=\"/a?b=&quot;\">"));
        assert_eq!((visit.content_language, visit.html.contains("<p></p>")), ("de", false));
        for page in [sent, visit] {
            let csp = page.csp.to_str().expect("ASCII");
            assert!(csp.contains("script-src 'self'; connect-src 'self'; style-src 'sha256-"), "{csp}");
            assert!(page.html.len() < 1536, "{} bytes", page.html.len());
        }
        let lost = form(KeptWhy::Proving, None).page(b"en");
        assert!(lost.html.contains("data-then=\"stay\"") && !lost.html.contains("<form"));
    }

    #[test]
    fn a_form_that_could_not_be_kept_is_said_to_be_lost() {
        let page = form(KeptWhy::Down, None).page(b"en");
        assert!(!page.html.contains("<form") && page.html.contains("could not be kept"), "{}", page.html);
    }
}
