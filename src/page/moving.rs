//! The page on which a device takes the place of another one.

use std::collections::BTreeMap;

use minijinja::{Value, context};

use super::language::Language;
use super::sheet::{Kind, Sheet};
use super::{Document, PageError, PageInput, policy, script, template};

const NAME: &str = "pages/move/move.html";
const TEMPLATE: &str = include_str!("../../pages/move/move.html");
const STYLE: &str = include_str!("../../pages/move/move.css");
/// Words that its script may say, besides those that begin with `move_`.
const SAID: [&str; 4] = ["offer-unknown", "offer-taken", "failed", "elsewhere"];

static KIND: Kind = Kind { template: (NAME, TEMPLATE), values, policy: policy::header, rendered: |language| language };

/// The ready-to-send page of one room, in every language.
#[derive(Debug)]
pub struct MovePage(Sheet);

impl MovePage {
    /// Renders the page in English; other languages when somebody asks for them. Organizers' templates are for the waiting
    /// page only.
    ///
    /// # Errors
    /// Where the shipped template is broken.
    pub fn build(input: &PageInput) -> Result<Self, PageError> {
        Sheet::build(&KIND, input).map(Self)
    }

    /// The page by the request's `Accept-Language` and `Accept-Encoding` (empty where absent).
    #[must_use]
    pub fn document(&self, accept_language: &[u8], accept_encoding: &[u8]) -> Document {
        self.0.document(accept_language, accept_encoding)
    }
}

fn values(input: &PageInput, language: &Language) -> Value {
    let (prefix, room, title) = (input.prefix.trim_end_matches('/'), input.room.as_str(), input.title.as_str());
    let is_said = |key: &str| key.starts_with("move_") || SAID.contains(&key);
    let said = language.entry.iter().filter(|(key, _)| is_said(key));
    let said: BTreeMap<String, String> = said.map(|(key, text)| (key.clone(), text.clone())).collect();
    context! {
        lang => language.tag,
        dir => language.dir.as_str(),
        title => title,
        text => language.entry.clone(),
        style => fairgate_pages::style(template::STYLE) + fairgate_pages::style(STYLE).as_str(),
        script => fairgate_pages::bundle(script::MOVE_PAGE),
        config => context! { base => format!("{prefix}/{room}"), room => room, title => title, text => said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::language;
    use crate::page::{EntryPage, OwnPage};

    #[test]
    fn the_page_is_whole_in_every_language_and_loads_nothing() {
        let input = PageInput {
            room: "main".to_owned(),
            prefix: "/.fairgate".to_owned(),
            title: "Fado & <Friends>".to_owned(),
            template: None,
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        };
        let page = MovePage::build(&input).expect("the shipped page");
        for language in language::all() {
            let document = page.document(language.tag.as_bytes(), b"");
            let html = String::from_utf8([document.shared, document.body].concat()).expect("UTF-8");
            assert_eq!(document.content_language, language.tag);
            assert!(html.contains("Fado &amp; &lt;Friends&gt;") && !html.contains("<Friends>"));
            assert!(html.trim_end().ends_with("</html>"), "the document is complete");
            for outside in ["src=", "@import", ":url(", " url(", "href=\"http", "href=\"//"] {
                assert!(!html.contains(outside), "{outside}");
            }
            let csp = document.csp.to_str().expect("ASCII");
            assert!(csp.contains("connect-src 'self'") && !csp.contains("unsafe"), "{csp}");
        }
    }
}
