//! The page on which anyone checks a draw, step by step: online, or saved and without a network.

use minijinja::{Value, context};

use super::language::Language;
use super::sheet::{Kind, Sheet};
use super::{Document, PageError, PageInput, policy, script, template};

const NAME: &str = "pages/check/check.html";
const TEMPLATE: &str = include_str!("../../pages/check/check.html");
const STYLE: &str = include_str!("../../pages/check/check.css");

static KIND: Kind =
    Kind { template: (NAME, TEMPLATE), values, policy: policy::with_workers, rendered: Language::of_check };

/// The ready-to-send page of one room, in every language.
#[derive(Debug)]
pub struct CheckPage(Sheet);

impl CheckPage {
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
    let prefix = input.prefix.trim_end_matches('/');
    let (room, title, text) = (input.room.as_str(), input.title.as_str(), &language.check);
    context! {
        lang => language.tag,
        dir => language.dir.as_str(),
        title => title,
        text => text.clone(),
        style => fairgate_pages::style(template::STYLE) + fairgate_pages::style(STYLE).as_str(),
        script => fairgate_pages::bundle(script::CHECK),
        config => context! {
            base => format!("{prefix}/{room}"),
            keys => format!("{prefix}/jwks.json"),
            room => room,
            title => title,
            text => text.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::language;
    use crate::page::{EntryPage, OwnPage};

    #[test]
    fn the_page_is_whole_in_every_language() {
        let input = PageInput {
            room: "main".to_owned(),
            prefix: "/.fairgate".to_owned(),
            title: "Fado & <Friends>".to_owned(),
            template: None,
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        };
        let page = CheckPage::build(&input).expect("the shipped page");
        for language in language::all() {
            let document = page.document(language.tag.as_bytes(), b"");
            let html = String::from_utf8([document.shared, document.body].concat()).expect("UTF-8");
            assert_eq!(document.content_language, language.of_check().tag);
            assert!(html.contains("Fado &amp; &lt;Friends&gt;") && !html.contains("<Friends>"));
            assert!(html.trim_end().ends_with("</html>"), "the document is complete");
            for outside in ["src=", "@import", ":url(", " url(", "href=\"http", "href=\"//"] {
                assert!(!html.contains(outside), "{outside}");
            }
        }
    }
}
