//! `[room.page]`: what fans see while they wait.

use std::path::PathBuf;

use fairgate_core::room::Control;
use toml::de::DeValue;

use super::RoomConfig;
use super::label::{Label, Text};
use super::reader::Section;
use super::room::{check_control, read_origins};
use super::value::{Misfit, Value};
use crate::page::{
    Accent, Colour, EntryPage, LinkKind, OwnEnd, OwnPage, OwnPicture, OwnText, PageInput, PictureError, read_picture,
};

/// More questions nobody reads while waiting.
const QUESTIONS_MAX: usize = 6;
const QUESTION_BYTES_MAX: usize = 200;
const ANSWER_BYTES_MAX: usize = 1_000;
const END_BYTES_MAX: usize = 500;

/// What fans see while they wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageConfig {
    /// A template of the organizer's instead of ours.
    pub template: Option<PathBuf>,
    /// The status of the waiting page.
    pub html_status: u16,
    /// The status for API clients without a pass.
    pub api_status: u16,
    /// A page that search engines' crawlers get instead.
    pub public_page: Option<PathBuf>,
    /// The origins whose pages may show the room's in a frame.
    pub frame_ancestors: Vec<String>,
    /// The organizer's message when the room is scheduled.
    pub message: Option<String>,
    /// The colour of what can be pressed.
    pub accent: Option<Accent>,
    /// A picture above the title, and what it shows.
    pub logo: Option<(PathBuf, Option<Label>)>,
    /// A picture below what the page says, and what it shows.
    pub picture: Option<(PathBuf, Option<Label>)>,
    /// Where else fans may go.
    pub links: Vec<(LinkKind, String)>,
    /// Questions with their answers.
    pub questions: Vec<(Label, Label)>,
    /// What is said when all is sold.
    pub sold_out: Option<EndConfig>,
    /// What is said when the sale is over.
    pub ended: Option<EndConfig>,
}

/// What is said to whom nothing is left for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndConfig {
    /// In words.
    pub text: Label,
    /// Where to go: an address, and what its link says.
    pub link: Option<(String, Label)>,
}

impl PageConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let html_status = section.get_or("html_status", 200);
        let api_status = section.get_or("api_status", 503);
        for (key, status) in [("html_status", html_status), ("api_status", api_status)] {
            let fits = status == 200 || (400..=599).contains(&status);
            section.check(fits, key, format!("{status} would mislead clients and caches"), "use 200, 429 or 503");
        }
        let message: Option<String> = section.get("message");
        check_control(section, "message", &Control::Message(message.clone()));
        let (template, public_page) = (section.get("template"), section.get("public_page"));
        let frame_ancestors = read_origins(section, "frame_ancestors");
        let accent = section.get("accent");
        let logo = (section.get("logo"), section.get("logo_says"));
        let picture = (section.get("picture"), section.get("picture_says"));
        let links = section.section("links", read_links);
        let questions = section.sections("question", read_question);
        let few = questions.as_ref().is_none_or(|questions| questions.len() <= QUESTIONS_MAX);
        section.check(few, "question", format!("there are more than {QUESTIONS_MAX}"), "keep those that fans ask most");
        let sold_out = section.optional("sold_out", read_end);
        let ended = section.optional("ended", read_end);
        let shown = |(path, says): (Option<PathBuf>, _)| path.map(|path| (path, says));
        Some(Self {
            template,
            html_status,
            api_status,
            public_page,
            frame_ancestors,
            message,
            accent,
            logo: shown(logo),
            picture: shown(picture),
            links: links?,
            questions: questions?,
            sold_out: sold_out?,
            ended: ended?,
        })
    }

    /// What the page has of it. The section's key of a picture that cannot be shown, and why.
    fn own(&self, title: &str) -> Result<OwnPage, (&'static str, PictureError)> {
        Ok(OwnPage {
            accent: self.accent,
            logo: shown("logo", self.logo.as_ref(), title)?,
            picture: shown("picture", self.picture.as_ref(), title)?,
            links: self.links.clone(),
            questions: self.questions.iter().map(|(question, answer)| (own_text(question), own_text(answer))).collect(),
            sold_out: self.sold_out.as_ref().map(own_end),
            ended: self.ended.as_ref().map(own_end),
        })
    }
}

impl RoomConfig {
    /// What the room's page is made from.
    ///
    /// # Errors
    /// A picture cannot be shown: its key, and why.
    pub fn page_input(&self, prefix: &str, entry: EntryPage) -> Result<PageInput, (&'static str, PictureError)> {
        Ok(PageInput {
            room: self.name.clone(),
            prefix: prefix.to_owned(),
            title: self.title.clone(),
            template: self.page.template.clone(),
            frame_ancestors: self.page.frame_ancestors.clone(),
            entry,
            own: self.page.own(&self.title)?,
        })
    }
}

fn shown(
    key: &'static str,
    picture: Option<&(PathBuf, Option<Label>)>,
    title: &str,
) -> Result<Option<OwnPicture>, (&'static str, PictureError)> {
    let Some((path, says)) = picture else { return Ok(None) };
    let address = read_picture(path).map_err(|error| (key, error))?;
    let says = says.as_ref().map_or_else(|| own_text(&Label::One(title.to_owned())), own_text);
    Ok(Some(OwnPicture { address, says }))
}

fn own_text(label: &Label) -> OwnText {
    match label {
        Label::One(text) => OwnText([(String::new(), text.clone())].into()),
        Label::ByLanguage(texts) => OwnText(texts.clone()),
    }
}

fn own_end(end: &EndConfig) -> OwnEnd {
    let link = end.link.as_ref().map(|(address, label)| (address.clone(), own_text(label)));
    OwnEnd { text: own_text(&end.text), link }
}

fn read_links(section: &Section<'_>) -> Option<Vec<(LinkKind, String)>> {
    let link = |kind: LinkKind| section.get::<Link>(kind.name()).map(|Link(address)| (kind, address));
    Some(LinkKind::ALL.into_iter().filter_map(link).collect())
}

fn read_question(section: &Section<'_>) -> Option<(Label, Label)> {
    let question = section.require::<Text<QUESTION_BYTES_MAX>>("ask", r#"{ en = "May I bring a bag?" }"#);
    let answer = section.require::<Text<ANSWER_BYTES_MAX>>("answer", r#"{ en = "One, no larger than this." }"#);
    Some((question?.0, answer?.0))
}

fn read_end(section: &Section<'_>) -> Option<EndConfig> {
    let text = section.require::<Text<END_BYTES_MAX>>("text", r#"{ en = "More tickets come on Friday." }"#);
    let address = section.get("link").map(|Link(address)| address);
    let label = section.get("label");
    let both = address.is_some() == label.is_some();
    section.check(both, "link", "and label belong together", "write both, or none");
    Some(EndConfig { text: text?.0, link: address.zip(label) })
}

/// An address that a fan may be sent to.
struct Link(String);

impl Value for Link {
    fn kind() -> String {
        "address".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let is_path = text.starts_with('/') && !text.starts_with("//");
        let is_known = ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| text.starts_with(scheme));
        let is_plain = !text.chars().any(|sign| sign.is_control() || sign.is_whitespace());
        if (is_path || is_known) && is_plain {
            return Ok(Self(text));
        }
        let remedy =
            r#"write "https://…", "mailto:…", "tel:…", or a path of the shop that needs no pass, like "/help""#;
        Err(Misfit::new(format!("{text:?} is no address that a page can link"), remedy))
    }
}

impl Value for Accent {
    fn kind() -> String {
        "colour".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let colour = Colour::parse(&text)
            .ok_or_else(|| Misfit::new(format!("{text:?} is not a colour"), r##"write it as "#b3341b""##))?;
        Self::of(colour)
            .map_err(|faint| Misfit::new(faint.to_string(), format!("use \"{}\" or a darker one", faint.instead)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::page::LinkKind;

    fn parse(page: &str) -> Result<Config, String> {
        let text = format!(
            "[edge]\nlisten = [\"127.0.0.1:1\"]\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:2\"\n[[room]]\nname = \"final\"\n\
             upstream = \"shop\"\nopens_at = \"2026-12-01T09:30:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\n\
             [room.admission]\nrate_per_minute = 60\n[room.page]\n{page}"
        );
        Config::parse(&text, Path::new("fairgate.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_organizers_words_are_read_by_language() {
        let config = parse(
            "accent = \"#003d7a\"\n[room.page.links]\nhelp = \"mailto:help@shop.example\"\nevent = \"https://shop.example/final\"\n\
             [[room.page.question]]\nask = { en = \"A bag?\", pt = \"Uma mala?\" }\nanswer = \"One.\\nNo larger.\"\n\
             [room.page.sold_out]\ntext = { en = \"More on Friday.\" }\nlink = \"/list\"\nlabel = \"The list\"\n",
        )
        .expect("right");
        let input = config.rooms[0].page_input("/.fairgate", crate::page::EntryPage::default()).expect("no picture");
        assert!(input.own.accent.is_some() && input.own.ended.is_none());
        assert_eq!(
            input.own.links.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [LinkKind::Event, LinkKind::Help]
        );
        assert_eq!(input.own.questions[0].0.0["pt"], "Uma mala?");
        assert_eq!(input.own.sold_out.expect("words").link.expect("a link").0, "/list");
    }

    #[test]
    fn what_cannot_be_shown_is_told_with_what_would_be() {
        let seven = "[[room.page.question]]\nask = \"?\"\nanswer = \"!\"\n".repeat(7);
        for (page, words) in [
            ("accent = \"#ffcc00\"", vec!["contrast of", "WCAG AA", "or a darker one"]),
            ("accent = \"red\"", vec!["is not a colour", "#b3341b"]),
            ("[room.page.links]\nhelp = \"javascript:alert(1)\"", vec!["room[final].page.links.help", "no address"]),
            ("[room.page.links]\nhelp = \"//elsewhere.example\"", vec!["no address"]),
            ("[room.page.ended]\ntext = \"\"", vec!["room[final].page.ended.text", "cannot be shown"]),
            ("[room.page.ended]\ntext = \"a\"\nlink = \"/b\"", vec!["belong together"]),
            (&seven, vec!["more than 6"]),
        ] {
            let error = parse(page).expect_err(page);
            for word in words {
                assert!(error.contains(word), "{page}: {error}");
            }
        }
    }
}
