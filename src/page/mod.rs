//! The waiting page: one self-contained document per room and language.
//!
//! Guarantees:
//! - everything that is the same for all visitors is rendered and compressed once: English when the room is built, each
//!   other language when somebody first asks for it
//! - what only one visitor without scripts sees rides behind it uncompressed, so no request waits for a compressor
//!
//! The document loads nothing from anywhere, and its policy allows nothing but its own inline style and script, and what that
//! script loads: where the room asks something of those who enter ([`EntryPage`]), and where a fan asks to be told of the turn.

mod accent;
mod calendar;
mod check;
mod editions;
mod encoding;
mod entry;
mod kept;
mod language;
mod moving;
mod noscript;
mod own;
mod policy;
mod preview;
mod problem;
mod requirements;
mod script;
mod sheet;
mod template;
mod worker;

pub use template::SHIPPED as SHIPPED_TEMPLATE;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderValue;

pub use accent::{Accent, Colour, TooFaint};
pub use calendar::{ComingSale, Moment, sale_calendar};
pub use check::CheckPage;
use editions::Editions;
use encoding::Head;
pub use entry::{EntryPage, FormWay, PageScript, Provider};
pub use kept::{KeptForm, KeptPage, KeptWhy, ProofPage};
use language::Language;
pub use moving::MovePage;
pub use noscript::{NoScript, State};
use noscript::{Placeholders, Tail};
pub use own::{LinkKind, OwnEnd, OwnPage, OwnPicture, OwnText, PictureError, read_picture};
pub use preview::{PLAIN, Preview, SCRIPTED, languages, preview};
pub use problem::{ProblemPage, Told};
pub use worker::{ScriptDocument, WorkerScript};

/// What a room's page is made from.
#[derive(Clone, Debug)]
pub struct PageInput {
    /// The room's name, as in its URLs.
    pub room: String,
    /// The prefix of the fan's endpoints, `/.fairgate`.
    pub prefix: String,
    /// What the fan waits for, as a heading.
    pub title: String,
    /// An organizer's own template instead of the one shipped.
    pub template: Option<PathBuf>,
    /// The origins whose pages may show it in a frame; none where it is empty.
    pub frame_ancestors: Vec<String>,
    /// What is asked of those who enter.
    pub entry: EntryPage,
    /// What the organizer has on it.
    pub own: OwnPage,
}

/// The largest page that an organizer may give for crawlers.
const PUBLIC_PAGE_BYTES_MAX: usize = 1 << 20;

/// Reads a whole page of the organizer's, which is sent as it is.
///
/// # Errors
/// The file cannot be read, or is too large.
pub fn read_page(path: &Path) -> Result<Bytes, PageError> {
    let page = std::fs::read(path).and_then(|page| match page.len() {
        ..=PUBLIC_PAGE_BYTES_MAX => Ok(page),
        _ => Err(std::io::Error::other("it has more than a megabyte")),
    });
    page.map(Bytes::from).map_err(|source| PageError::Public { path: path.to_owned(), source })
}

/// Why a page cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The organizer's template cannot be read.
    #[error("cannot read the page template {}: {source}; give a readable file in `room.page.template`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The organizer's page for crawlers cannot be read.
    #[error("cannot read the page {}: {source}; give a readable HTML file in `room.page.public_page`", path.display())]
    Public {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A picture of the organizer's cannot be shown.
    #[error("{0}; name a small picture in `room.page`, or leave it out")]
    Picture(PictureError),
    /// The template is not valid, or uses a name that does not exist.
    #[error("{file}:{line}: {detail}")]
    Template {
        /// The file.
        file: String,
        /// The line in it.
        line: usize,
        /// What is wrong there.
        detail: String,
    },
    /// The template lacks elements that the page's script writes to.
    #[error(
        "{file}: has no element with {}: without it nobody can join; `fairgate page eject` prints a page that has them all",
        named(ids)
    )]
    MissingElements {
        /// The file.
        file: String,
        /// The ids of the missing elements.
        ids: Vec<String>,
    },
    /// A browser would not load, run or send something of it.
    #[error("{file}: {what} under the page's Content-Security-Policy; {remedy}")]
    Blocked {
        /// The file.
        file: String,
        /// What, and what happens to it.
        what: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The template's `noscript` block cannot be told apart from the rest.
    #[error("{file}: {remedy}")]
    Layout {
        /// The file.
        file: String,
        /// What to change.
        remedy: &'static str,
    },
}

/// The ready-to-send page of one room, in every language.
#[derive(Debug)]
pub struct WaitingPage {
    input: PageInput,
    source: template::Source,
    editions: Editions<Edition>,
}

/// One language's document.
#[derive(Debug)]
struct Edition {
    language: &'static Language,
    head: Head,
    tails: Vec<(State, Tail)>,
    csp: HeaderValue,
}

/// An answer's body and the headers that describe it.
#[derive(Clone, Debug)]
pub struct Document {
    /// The body's beginning, already encoded, which everybody shares.
    pub shared: Bytes,
    /// The rest of it.
    pub body: Bytes,
    /// `Content-Encoding`; none for an identity body.
    pub content_encoding: Option<&'static str>,
    /// `Content-Language`.
    pub content_language: &'static str,
    /// `Content-Security-Policy`.
    pub csp: HeaderValue,
}

impl WaitingPage {
    /// Renders the page in English; other languages when somebody asks for them.
    ///
    /// # Errors
    /// The template cannot be used.
    pub fn build(input: &PageInput) -> Result<Self, PageError> {
        let source = template::Source::load(input.template.as_deref())?;
        let english = Edition::build(input, &source, language::get(0))?;
        Ok(Self { input: input.clone(), source, editions: Editions::with(english) })
    }

    /// Checks that the page can be built in every language.
    ///
    /// # Errors
    /// The template cannot be used.
    pub fn check(input: &PageInput) -> Result<(), PageError> {
        let source = template::Source::load(input.template.as_deref())?;
        language::all().try_for_each(|language| source.render(input, language).map(drop))
    }

    /// What the page is made from.
    #[must_use]
    pub fn input(&self) -> &PageInput {
        &self.input
    }

    /// The page for one visitor, by the request's `Accept-Language` and `Accept-Encoding` (empty where absent).
    pub fn document(&self, accept_language: &[u8], accept_encoding: &[u8], visitor: &NoScript<'_>) -> Document {
        let edition = self.edition(language::negotiate(accept_language));
        let encoding = edition.head.negotiate(accept_encoding);
        let values = Placeholders::of(visitor, edition.language);
        let tail = edition.tail(visitor.state).map_or_else(Vec::new, |tail| tail.fill(&values));
        Document {
            shared: edition.head.part(encoding),
            body: edition.head.tail(encoding, &tail),
            content_encoding: encoding.name(),
            content_language: edition.language.tag,
            csp: edition.csp.clone(),
        }
    }

    fn edition(&self, index: usize) -> &Edition {
        self.editions.get(index, |language| Edition::build(&self.input, &self.source, language))
    }
}

impl Edition {
    fn build(input: &PageInput, source: &template::Source, language: &'static Language) -> Result<Self, PageError> {
        let rendered = source.render(input, language)?;
        let tails = rendered.tails.iter().map(|(state, html)| (*state, Tail::parse(html))).collect();
        Ok(Self {
            language,
            csp: policy::of_waiting(&rendered.head, &input.frame_ancestors, &input.entry),
            head: Head::new(rendered.head.as_bytes()),
            tails,
        })
    }

    fn tail(&self, state: State) -> Option<&Tail> {
        self.tails.iter().find(|(known, _)| known.words() == state.words()).map(|(_, tail)| tail)
    }
}

fn named(ids: &[String]) -> String {
    ids.iter().map(|id| format!("id={id:?}")).collect::<Vec<_>>().join(", ")
}

/// The name of a template in messages.
fn display_name(path: Option<&Path>) -> String {
    path.map_or_else(|| "pages/waiting/template.html".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// One TCP initial window, for the coding that browsers take. Builds without optimisations compress less: see
    /// `encoding::BROTLI_QUALITY`.
    const BROTLI_BYTES_MAX: usize = 14 * 1024 + if cfg!(debug_assertions) { 512 } else { 0 };
    /// What browsers get until brotli is there, and a few others always.
    const GZIP_BYTES_MAX: usize = 15 * 1024;

    fn input() -> PageInput {
        PageInput {
            room: "main".to_owned(),
            prefix: "/.fairgate".to_owned(),
            title: "Fado & Friends <Live>".to_owned(),
            template: None,
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        }
    }

    fn visitor(state: State) -> NoScript<'static> {
        NoScript {
            state,
            return_to: "/tickets?event=7&seat=\"1\"",
            message: Some("Doors open at 20:00. Bring <your> ticket."),
            opens: Some("2027-06-21 20:30 (Europe/Lisbon)"),
        }
    }

    fn text(page: &WaitingPage, language: &str, state: State) -> String {
        let document = page.document(language.as_bytes(), b"", &visitor(state));
        String::from_utf8([document.shared, document.body].concat()).expect("UTF-8")
    }

    fn build_from(template: &str) -> Result<WaitingPage, PageError> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(template.as_bytes()).expect("written");
        WaitingPage::build(&PageInput { template: Some(file.path().to_owned()), ..input() })
    }

    #[test]
    fn visitors_share_all_but_what_is_their_own() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        page.edition(0).head.brotli();
        let state = |place| State::Waiting { place, ahead: place };
        let documents = [1, 2].map(|place| page.document(b"en", b"br", &visitor(state(place))));
        assert_eq!(documents[0].shared.as_ptr(), documents[1].shared.as_ptr(), "one document, however many hold it");
        assert!(documents.iter().all(|document| document.body.len() < 2_000 && document.shared.len() > 5_000));
    }

    #[test]
    fn every_document_fits_one_initial_window() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        let mut large = Vec::new();
        for (index, language) in language::all().enumerate() {
            page.edition(index).head.brotli();
            let (tag, dir) = (language.tag, language.dir.as_str());
            let html = text(&page, tag, State::Called);
            assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{dir}\">")), "{tag}");
            for (encoding, bytes_max) in [("br", BROTLI_BYTES_MAX), ("gzip", GZIP_BYTES_MAX)] {
                let bytes = State::ALL.map(|state| {
                    let document = page.document(tag.as_bytes(), encoding.as_bytes(), &visitor(state));
                    assert_eq!(document.content_encoding, Some(encoding));
                    assert_eq!(document.content_language, tag);
                    document.shared.len() + document.body.len()
                });
                let most = bytes.into_iter().max().unwrap_or_default();
                large.extend((most >= bytes_max).then(|| format!("{tag} {encoding}: {most} bytes")));
            }
        }
        assert_eq!(large, Vec::<String>::new(), "larger than they may be");
    }

    #[test]
    fn what_comes_from_people_is_escaped() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        let html = text(&page, "en", State::Join { before_draw: true });
        assert!(!html.contains("<Live>") && html.contains("Fado &amp; Friends &lt;Live&gt;"));
        assert!(!html.contains("<your>") && html.contains("Bring &lt;your&gt; ticket."));
        assert!(html.contains("value=\"/tickets?event=7&amp;seat=&quot;1&quot;\""));
    }

    #[test]
    fn the_numbers_of_a_visitor_without_scripts_are_the_visitors_own() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        let html = text(&page, "pt", State::Waiting { place: 41_999, ahead: 12_345 });
        assert!(html.contains("42.000") && html.contains("12.345"));
        assert!(html.contains("<html lang=\"pt\" dir=\"ltr\">"));
    }

    #[test]
    fn a_visitor_without_scripts_is_told_when_the_next_sale_opens_in_every_language() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        for language in language::all() {
            let (over, between) = (text(&page, language.tag, State::Ended), text(&page, language.tag, State::Between));
            let tail = |html: &str| html[html.find("<noscript>\n<p").expect("a part for them")..].to_owned();
            let heading = format!("<h2>{}</h2>", language.text["ns_ended"]);
            assert!(tail(&over).contains(&heading) && tail(&between).contains(&heading), "{}", language.tag);
            let opens = "2027-06-21 20:30 (Europe/Lisbon)";
            assert!(tail(&between).contains(opens) && !tail(&over).contains(opens), "{}", language.tag);
        }
    }

    #[test]
    fn a_visitor_without_scripts_has_the_forms_that_the_room_offers() {
        let forms = vec![
            FormWay::Code,
            FormWay::SignIn { name: "club".to_owned(), label: "Sign in as a <member>".to_owned() },
            FormWay::Mail,
            FormWay::Wait,
        ];
        let entry = EntryPage { forms, ..EntryPage::default() };
        let page = WaitingPage::build(&PageInput { entry, ..input() }).expect("the shipped page");
        let html = text(&page, "en", State::Join { before_draw: true });
        let tail = &html[html.find("<noscript>\n<p").expect("a part for them")..];
        for part in [
            "<label>Your code <input name=code required></label>",
            "/entry/oidc/club?return_to=/tickets%3Fevent%3D7%26seat%3D%221%22\">Sign in as a &lt;member&gt;</a>",
            "action=\"/.fairgate/main/entry/mail\"",
            "action=\"/.fairgate/main/entry/wait\"",
        ] {
            assert!(tail.contains(part), "{part}: {tail}");
        }
        assert!(!text(&page, "en", State::Pooled).contains("name=code"));
    }

    fn with_own() -> PageInput {
        let text = |all: &[(&str, &str)]| {
            OwnText(all.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect())
        };
        let end = |words: &str| OwnEnd {
            text: text(&[("en", words), ("de", "Am <Freitag> mehr.")]),
            link: Some(("https://shop.example/list?a=1&b=2".to_owned(), text(&[("", "The list")]))),
        };
        let picture =
            || OwnPicture { address: "data:image/png;base64,iVBORw==".to_owned(), says: text(&[("en", "A \"logo\"")]) };
        let own = OwnPage {
            accent: Accent::of(Colour::parse("#003d7a").expect("a colour")).ok(),
            logo: Some(picture()),
            picture: Some(picture()),
            links: LinkKind::ALL.map(|kind| (kind, format!("https://shop.example/{}", kind.name()))).into(),
            questions: vec![(text(&[("en", "A bag?"), ("ar", "حقيبة؟")]), text(&[("en", "One.\nSmall.")]))],
            sold_out: Some(end("More <soon>.")),
            ended: Some(end("Until next year.")),
        };
        PageInput { own, ..input() }
    }

    #[test]
    fn an_organizers_words_stand_on_the_page_with_scripts_and_without() {
        let page = WaitingPage::build(&with_own()).expect("the shipped page");
        for (language, parts) in [
            (
                "en",
                ["<summary lang=\"en\" dir=\"auto\">A bag?</summary>", ">More &lt;soon&gt;.", ">About the event</a>"],
            ),
            (
                "de",
                [
                    "<summary lang=\"en\" dir=\"auto\">A bag?</summary>",
                    ">Am &lt;Freitag&gt; mehr.",
                    ">Zur Veranstaltung</a>",
                ],
            ),
            ("ar", ["<summary lang=\"ar\" dir=\"auto\">حقيبة؟</summary>", ">More &lt;soon&gt;.", ">عن الفعالية</a>"]),
        ] {
            // Slashes are escaped, too.
            let html = text(&page, language, State::SoldOut).replace("&#x2f;", "/");
            let plain = |html: &str| html.find("<noscript>\n<p").expect("a part for visitors without scripts");
            let (head, tail) = html.split_at(plain(&html));
            for part in parts {
                assert!(head.contains(part), "{language}: {part}");
            }
            let sold_out = "<a href=\"https://shop.example/list?a=1&amp;b=2\"";
            assert!(tail.contains(parts[1]) && tail.contains(sold_out), "{language}: {tail}");
            let pooled = text(&page, language, State::Pooled);
            assert!(!pooled[plain(&pooled)..].contains(parts[1]), "{language}");
            assert!(html.contains("alt=\"A &quot;logo&quot;\"") && html.contains("--accent:#003d7a"), "{language}");
        }
        let csp = page.document(b"en", b"", &visitor(State::SoldOut)).csp;
        assert!(csp.to_str().expect("ASCII").contains("img-src data: 'self'"));
        let plain = text(&WaitingPage::build(&input()).expect("the shipped page"), "en", State::SoldOut);
        for absent in ["class=\"own\"", "<details", "<img", "own-soldout\""] {
            assert!(!plain.contains(absent), "{absent}: nothing is there that nobody wrote");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let page = WaitingPage::build(&input()).expect("the shipped page");
        let html = text(&page, "en", State::Join { before_draw: true });
        for outside in ["src=", "@import", "url(", "href=\"http", "href=\"//"] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn an_organizers_template_takes_the_place_of_ours() {
        let page = build_from("<h1>{{ title }}</h1>{% block noscript %}<p>{{ state }} {{ ahead }}</p>{% endblock %}");
        let html = text(&page.expect("a valid template"), "en", State::Waiting { place: 7, ahead: 5 });
        assert_eq!(html, "<h1>Fado &amp; Friends &lt;Live&gt;</h1><p>waiting 5</p>");
    }

    #[test]
    fn a_broken_template_is_named_with_its_line() {
        let error = build_from("<h1>\n{{ titel }}{% block noscript %}{% endblock %}").expect_err("no such name");
        assert!(matches!(&error, PageError::Template { line: 2, .. }), "{error}");
        let error = build_from("<h1>\n\n{% if %}").expect_err("not a template");
        assert!(matches!(&error, PageError::Template { line: 3, .. }), "{error}");
        let missing = PageInput { template: Some("/nonexistent/page.html".into()), ..input() };
        let error = WaitingPage::build(&missing).expect_err("no file");
        assert!(error.to_string().contains("/nonexistent/page.html"), "{error}");
    }

    #[test]
    fn a_template_that_cannot_be_cut_says_how_to_mend_it() {
        for (template, remedy) in [
            ("{% block noscript %}<p>{% endblock %}more", "end the document"),
            ("{{ state }}{% block noscript %}{% endblock %}", "inside the block"),
        ] {
            let error = build_from(template).expect_err("cannot be cut");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
}
