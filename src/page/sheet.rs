//! A page of the gate's own beside the waiting page: the same for every fan of a room, in every language.
//!
//! Guarantee: a language is rendered once, when somebody first asks for it; English is rendered when the page is built.

use http::HeaderValue;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::editions::Editions;
use super::encoding::Head;
use super::language::{self, Language};
use super::{Document, PageError, PageInput, template};

/// What makes one page differ from another.
#[derive(Debug)]
pub(super) struct Kind {
    /// The template's file, and its text.
    pub(super) template: (&'static str, &'static str),
    /// What the template is given.
    pub(super) values: fn(&PageInput, &Language) -> Value,
    /// The policy of a rendered page, with who may put it into a frame.
    pub(super) policy: fn(&str, &[String]) -> HeaderValue,
    /// The language that is rendered for one that was asked for.
    pub(super) rendered: fn(&'static Language) -> &'static Language,
}

/// The ready-to-send page of one room, in every language.
#[derive(Debug)]
pub(super) struct Sheet {
    kind: &'static Kind,
    input: PageInput,
    editions: Editions<Edition>,
}

#[derive(Debug)]
struct Edition {
    tag: &'static str,
    html: Head,
    csp: HeaderValue,
}

impl Sheet {
    /// Renders the page in English; other languages when somebody asks for them. Organizers' templates are for the waiting
    /// page only.
    ///
    /// # Errors
    /// Where the shipped template is broken.
    pub(super) fn build(kind: &'static Kind, input: &PageInput) -> Result<Self, PageError> {
        let english = Edition::build(kind, input, language::get(0))?;
        Ok(Self { kind, input: input.clone(), editions: Editions::with(english) })
    }

    /// The page by the request's `Accept-Language` and `Accept-Encoding` (empty where absent).
    pub(super) fn document(&self, accept_language: &[u8], accept_encoding: &[u8]) -> Document {
        let Self { kind, input, editions } = self;
        let index = language::negotiate(accept_language);
        let edition = editions.get(index, |language| Edition::build(kind, input, (kind.rendered)(language)));
        let encoding = edition.html.negotiate(accept_encoding);
        Document {
            shared: edition.html.part(encoding),
            body: edition.html.tail(encoding, &[]),
            content_encoding: encoding.name(),
            content_language: edition.tag,
            csp: edition.csp.clone(),
        }
    }
}

impl Edition {
    fn build(kind: &Kind, input: &PageInput, language: &'static Language) -> Result<Self, PageError> {
        let html = render(kind, input, language).map_err(|error| template::located(kind.template.0, &error))?;
        let csp = (kind.policy)(&html, &input.frame_ancestors);
        Ok(Self { tag: language.tag, csp, html: Head::new(html.as_bytes()) })
    }
}

fn render(kind: &Kind, input: &PageInput, language: &Language) -> Result<String, minijinja::Error> {
    let (name, text) = kind.template;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.template_from_named_str(name, text)?.render((kind.values)(input, language))
}
