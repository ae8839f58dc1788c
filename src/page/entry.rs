//! What the waiting page has of entering: its scripts with their words, what its policy allows for them, and the forms for
//! visitors without scripts.
//!
//! Guarantees:
//! - a page loads a script where the room asks something, or where the fan does
//! - words come with the script in one language, so that the document stays within one initial window
//! - only providers that the room names may show a frame

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use super::encoding::Head;
use super::worker::ScriptDocument;
use super::{language, script};

/// What a room asks of those who enter, as far as its page has to know.
#[derive(Clone, Debug, Default)]
pub struct EntryPage {
    /// The providers whose checks it may show.
    pub providers: Vec<Provider>,
    /// The ways that work without scripts, too, in the order in which they are shown.
    pub forms: Vec<FormWay>,
}

/// A provider of challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Cloudflare's.
    Turnstile,
    /// Intuition Machines'.
    HCaptcha,
    /// Google's.
    ReCaptcha,
}

/// A way of entering as a form or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormWay {
    /// A code, sent with the join.
    Code,
    /// A code by mail.
    Mail,
    /// Waiting instead of working.
    Wait,
    /// Signing in, at `entry/oidc/{name}`.
    SignIn {
        /// The way's name.
        name: String,
        /// What the link says.
        label: String,
    },
}

impl FormWay {
    /// What a template has of it.
    pub(super) fn values(&self) -> BTreeMap<&'static str, String> {
        let kind = match self {
            Self::Code => "code",
            Self::Mail => "mail",
            Self::Wait => "wait",
            Self::SignIn { .. } => "sign-in",
        };
        let mut values = BTreeMap::from([("kind", kind.to_owned())]);
        if let Self::SignIn { name, label } = self {
            values.extend([("name", name.clone()), ("label", label.clone())]);
        }
        values
    }
}

impl Provider {
    /// The sources that its widget loads scripts from, for browsers that do not know `'strict-dynamic'`.
    pub(super) fn scripts(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com",
            Self::HCaptcha => "https://hcaptcha.com https://*.hcaptcha.com",
            Self::ReCaptcha => "https://www.google.com/recaptcha/ https://www.gstatic.com/recaptcha/",
        }
    }

    /// The sources of its frames.
    pub(super) fn frames(self) -> &'static str {
        match self {
            Self::Turnstile | Self::HCaptcha => self.scripts(),
            Self::ReCaptcha => "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
        }
    }

    /// The sources of its styles and calls; empty where it needs none.
    pub(super) fn styles_and_calls(self) -> &'static str {
        match self {
            Self::HCaptcha => self.scripts(),
            Self::Turnstile | Self::ReCaptcha => "",
        }
    }
}

/// A script that pages of rooms load that ask something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageScript {
    /// What is asked and shown, with its words in a language.
    Entry {
        /// The language's index.
        language: usize,
    },
    /// What tells a fan of the turn.
    Tell {
        /// The language's index.
        language: usize,
    },
    /// What somebody fills in or presses.
    Forms,
    /// What binds a place to the browser.
    Key,
    /// What offers the place to another device.
    Move,
    /// For the shop's pages: keeps a bound pass alive.
    Keep,
}

/// By language, each made when somebody first asks for it.
static ENTRY: [OnceLock<Head>; language::COUNT] = [const { OnceLock::new() }; language::COUNT];
static TELL: [OnceLock<Head>; language::COUNT] = [const { OnceLock::new() }; language::COUNT];
static FORMS: LazyLock<Head> = LazyLock::new(|| head(&fairgate_pages::bundle(script::FORMS)));
static KEY: LazyLock<Head> = LazyLock::new(|| head(&fairgate_pages::bundle(script::KEY)));
static MOVE: LazyLock<Head> = LazyLock::new(|| head(&fairgate_pages::bundle(script::MOVE)));
// Another site's page has names of its own.
static KEEP: LazyLock<Head> = LazyLock::new(|| head(&format!("(()=>{{{}}})();", fairgate_pages::bundle(script::KEEP))));

fn head(script: &str) -> Head {
    Head::new(script.as_bytes())
}

fn entry(at: usize) -> String {
    let words = serde_json::to_string(&language::get(at).entry).unwrap_or_default();
    format!("const entryText={words};{}", fairgate_pages::bundle(script::ENTRY))
}

fn tell(at: usize) -> String {
    let language = language::get(at);
    let mut words = language.tell.clone();
    words.extend(language.entry.get("failed").map(|text| ("failed".to_owned(), text.clone())));
    let words = serde_json::to_string(&words).unwrap_or_default();
    format!("const tellText={words};{}", fairgate_pages::bundle(script::TELL))
}

impl PageScript {
    /// What is asked and shown, in the language of a tag; English where there is none.
    #[must_use]
    pub fn in_language(tag: &[u8]) -> Self {
        Self::Entry { language: language::negotiate(tag) }
    }

    /// What tells a fan of the turn, in the language of a tag; English where there is none.
    #[must_use]
    pub fn telling(tag: &[u8]) -> Self {
        Self::Tell { language: language::negotiate(tag) }
    }

    /// The script by the request's `Accept-Encoding` (empty where absent).
    #[must_use]
    pub fn document(self, accept_encoding: &[u8]) -> ScriptDocument {
        let head: &Head = match self {
            Self::Entry { language } => ENTRY[language].get_or_init(|| head(&entry(language))),
            Self::Tell { language } => TELL[language].get_or_init(|| head(&tell(language))),
            Self::Forms => &FORMS,
            Self::Key => &KEY,
            Self::Move => &MOVE,
            Self::Keep => &KEEP,
        };
        let encoding = head.negotiate(accept_encoding);
        ScriptDocument {
            shared: head.part(encoding),
            body: head.tail(encoding, &[]),
            content_encoding: encoding.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::Encoding;
    use super::*;

    fn all() -> impl Iterator<Item = PageScript> {
        let others = [PageScript::Forms, PageScript::Key, PageScript::Move, PageScript::Keep];
        let told = [b"en", b"fr"].into_iter().map(|tag| PageScript::telling(tag));
        [b"en", b"fr"].into_iter().map(|tag| PageScript::in_language(tag)).chain(told).chain(others)
    }

    fn plain(script: PageScript) -> String {
        let document = script.document(b"");
        String::from_utf8([document.shared, document.body].concat()).expect("UTF-8")
    }

    fn gzip_bytes(script: &str) -> usize {
        Head::new(script.as_bytes()).part(Encoding::Gzip).len()
    }

    #[test]
    fn each_is_one_whole_script() {
        for script in all() {
            let text = plain(script);
            assert!(text.ends_with(';') && !text.contains("import ") && !text.contains("export "), "{script:?}");
        }
        assert!(plain(PageScript::Keep).starts_with("(()=>{"), "it declares nothing in the shop's page");
    }

    #[test]
    fn each_is_small() {
        for (modules, bytes_max) in [
            (script::ENTRY, 4096),
            (script::FORMS, 3072),
            (script::KEY, 1792),
            (script::MOVE, 1536),
            (script::TELL, 1280),
        ] {
            let bytes = gzip_bytes(&fairgate_pages::bundle(modules));
            assert!(bytes <= bytes_max, "{bytes} bytes of {bytes_max}");
        }
        assert!(gzip_bytes(&plain(PageScript::Keep)) <= 1152, "{}", gzip_bytes(&plain(PageScript::Keep)));
    }

    #[test]
    fn words_are_in_the_language_of_the_page() {
        for language in language::all() {
            let tag = language.tag.as_bytes();
            assert!(plain(PageScript::in_language(tag)).contains(&language.entry["mistyped"]), "{}", language.tag);
            let told = plain(PageScript::telling(tag));
            assert!(told.contains(&language.tell["denied"]) && told.contains("\"failed\":"), "{}", language.tag);
        }
        assert!(plain(PageScript::in_language(b"xx")).contains(&language::get(0).entry["mistyped"]));
    }
}
