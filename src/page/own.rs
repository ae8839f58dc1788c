//! What an organizer has on the waiting page beside its title: a logo, a picture, an accent, links, questions, and what is said
//! when all is sold or over.
//!
//! Guarantees:
//! - each text is in the fan's language where the organizer wrote it, else in English, else in the first that was written; it says
//!   which, and runs its own way
//! - pictures are in the document itself

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value, context};

use super::accent::Accent;
use super::language::Language;

/// The most bytes of a picture: the page is one document, and everybody loads it.
const PICTURE_BYTES_MAX: usize = 20 * 1024;

/// A text by language, as in `lang`: `en`, `pt`. Under the empty tag is one for all languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnText(pub BTreeMap<String, String>);

/// What an organizer has on the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnPage {
    /// The colour of what can be pressed.
    pub accent: Option<Accent>,
    /// Above the title.
    pub logo: Option<OwnPicture>,
    /// Below what the page says.
    pub picture: Option<OwnPicture>,
    /// Where else to go.
    pub links: Vec<(LinkKind, String)>,
    /// Questions with their answers.
    pub questions: Vec<(OwnText, OwnText)>,
    /// Said when all is sold.
    pub sold_out: Option<OwnEnd>,
    /// Said when the sale is over.
    pub ended: Option<OwnEnd>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPicture {
    /// Its `data:` address.
    pub address: String,
    /// What it shows; for those who do not see it.
    pub says: OwnText,
}

/// Where a link leads to; the page has the words for it, in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// More about the event.
    Event,
    /// Terms of the sale.
    Terms,
    /// Help.
    Help,
    /// Other dates.
    Dates,
}

/// What is said to whom nothing is left for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnEnd {
    /// In words.
    pub text: OwnText,
    /// Where to go: an address, and what its link says.
    pub link: Option<(String, OwnText)>,
}

/// Why a picture cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("{path} has {bytes} bytes, and {PICTURE_BYTES_MAX} is the most: the picture is a part of the page")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: usize,
    },
    /// Browsers would not show it.
    #[error("{path} is no picture that every browser shows: SVG, PNG, JPEG, GIF or WebP")]
    Unknown {
        /// The file.
        path: String,
    },
}

impl LinkKind {
    /// All, in the order in which they stand on the page.
    pub const ALL: [Self; 4] = [Self::Event, Self::Terms, Self::Help, Self::Dates];

    /// The key of its words, and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Terms => "terms",
            Self::Help => "help",
            Self::Dates => "dates",
        }
    }
}

/// Reads a picture into a `data:` address.
///
/// # Errors
/// It cannot be read, is too large, or is none.
pub fn read_picture(path: &Path) -> Result<String, PictureError> {
    let named = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| PictureError::Unreadable { path: named(), source })?;
    if bytes.len() > PICTURE_BYTES_MAX {
        return Err(PictureError::TooLarge { path: named(), bytes: bytes.len() });
    }
    let kind = picture_kind(&bytes).ok_or_else(|| PictureError::Unknown { path: named() })?;
    Ok(format!("data:image/{kind};base64,{}", STANDARD.encode(&bytes)))
}

/// The subtype of a picture, by how it begins.
fn picture_kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xff, 0xd8, 0xff, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => std::str::from_utf8(bytes).ok().filter(|text| text.contains("<svg")).map(|_| "svg+xml"),
    }
}

impl OwnText {
    /// The text for a language and the tag of the one that it is in; the empty tag where the organizer did not say.
    fn in_language(&self, tag: &str) -> (&str, &str) {
        let primary = tag.split('-').next().unwrap_or(tag);
        let asked = [tag, primary, "en", ""].iter().find_map(|tag| self.0.get_key_value(*tag));
        let (tag, text) =
            asked.or_else(|| self.0.first_key_value()).map_or(("", ""), |(tag, text)| (tag.as_str(), text.as_str()));
        (text, tag)
    }

    fn value(&self, tag: &str) -> Value {
        let (text, lang) = self.in_language(tag);
        context! { text => text, lang => lang }
    }
}

impl OwnPage {
    /// The part of the style sheet that is its own.
    pub(super) fn style(&self) -> String {
        const PICTURES: &str = ".logo,.picture{display:block;max-width:100%}.logo{max-height:4rem;margin-bottom:1rem}\
             .picture{width:100%;border-radius:1.125rem}";
        const OWN: &str = ".own{margin-top:1.5rem;font-size:.9375rem}.links{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}\
             .links a,summary{padding:.625rem 0}.own h2{margin-top:1rem;font-size:1.125rem}\
             .own details{border-top:1px solid var(--line)}.own details p{padding-bottom:.75rem;white-space:pre-line}\
             @media (min-width:60rem){.own{grid-column:1}}";
        let pictures = if self.logo.is_some() || self.picture.is_some() { PICTURES } else { "" };
        let own = if self.has_more() { OWN } else { "" };
        format!("{}{pictures}{own}", self.accent.map(Accent::style).unwrap_or_default())
    }

    fn has_more(&self) -> bool {
        self.picture.is_some() || !self.links.is_empty() || !self.questions.is_empty()
    }

    /// What a template has of it, in a language.
    pub(super) fn values(&self, language: &Language) -> Value {
        let tag = language.tag;
        let picture =
            |picture: &OwnPicture| context! { src => picture.address.as_str(), says => picture.says.value(tag) };
        let links = self.links.iter().map(|(kind, address)| {
            context! { label => language.text.get(kind.name()), href => address.as_str() }
        });
        let questions = self
            .questions
            .iter()
            .map(|(question, answer)| context! { question => question.value(tag), answer => answer.value(tag) });
        let end = |end: &OwnEnd| {
            let link =
                end.link.as_ref().map(|(href, label)| context! { href => href.as_str(), label => label.value(tag) });
            context! { words => end.text.value(tag), link => link }
        };
        context! {
            logo => self.logo.as_ref().map(picture),
            picture => self.picture.as_ref().map(picture),
            links => links.collect::<Vec<_>>(),
            questions => questions.collect::<Vec<_>>(),
            soldout => self.sold_out.as_ref().map(end),
            ended => self.ended.as_ref().map(end),
            more => self.has_more(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(all: &[(&str, &str)]) -> OwnText {
        OwnText(all.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_text_is_in_the_fans_language_or_in_english_or_in_what_there_is() {
        let both = text(&[("en", "Help"), ("zh", "帮助"), ("de", "Hilfe")]);
        assert_eq!(both.in_language("de"), ("Hilfe", "de"));
        assert_eq!(both.in_language("zh-Hant"), ("帮助", "zh"));
        assert_eq!(both.in_language("ar"), ("Help", "en"));
        assert_eq!(text(&[("pt", "Ajuda"), ("es", "Ayuda")]).in_language("ar"), ("Ayuda", "es"));
        assert_eq!(text(&[("", "Help")]).in_language("ar"), ("Help", ""));
        assert_eq!(text(&[]).in_language("ar"), ("", ""));
    }

    #[test]
    fn a_picture_is_one_and_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        let svg = write("logo.svg", b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>");
        assert!(read_picture(&svg).expect("a picture").starts_with("data:image/svg+xml;base64,PD94"));
        let png = write("logo.png", b"\x89PNG\r\n\x1a\n");
        assert_eq!(read_picture(&png).expect("a picture"), "data:image/png;base64,iVBORw0KGgo=");
        for (name, bytes, words) in [
            ("logo.txt", b"hello".to_vec(), "is no picture"),
            ("large.png", [b"\x89PNG".to_vec(), vec![0; PICTURE_BYTES_MAX]].concat(), "is the most"),
        ] {
            let error = read_picture(&write(name, &bytes)).expect_err(name).to_string();
            assert!(error.contains(words) && error.contains(name), "{error}");
        }
        assert!(read_picture(Path::new("/nowhere.png")).expect_err("none").to_string().contains("/nowhere.png"));
    }
}
