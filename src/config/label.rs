//! What people read, as organizers write it: one text for all languages, or one for each.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::de::DeValue;

use super::value::{Misfit, Value};

/// The most bytes of what fans read of a tier, or of a link.
const LABEL_BYTES_MAX: usize = 64;

/// A short text in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Label {
    /// The same in every language.
    One(String),
    /// By language, as in `lang`: `en`, `pt`.
    ByLanguage(BTreeMap<String, String>),
}

/// A text of up to so many bytes, which may have several lines.
pub(super) struct Text<const BYTES_MAX: usize>(pub(super) Label);

impl Value for Label {
    fn kind() -> String {
        "text, or table: text by language".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        by_language(value, read_label)
    }
}

impl<const BYTES_MAX: usize> Value for Text<BYTES_MAX> {
    fn kind() -> String {
        Label::kind()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        by_language(value, |value| {
            let text = String::read(value)?;
            let is_plain = text.chars().all(|sign| sign == '\n' || !sign.is_control());
            let remedy = format!("write 1 to {BYTES_MAX} bytes");
            let fits = (1..=BYTES_MAX).contains(&text.len()) && is_plain;
            if fits { Ok(text) } else { Err(Misfit::new("cannot be shown to fans", remedy)) }
        })
        .map(Self)
    }
}

fn by_language(value: &DeValue<'_>, read: impl Fn(&DeValue<'_>) -> Result<String, Misfit>) -> Result<Label, Misfit> {
    let Some(table) = value.as_table() else { return read(value).map(Label::One) };
    let mut labels = BTreeMap::new();
    for (language, value) in table {
        let language = language.get_ref();
        let is_tag = (2..=35).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_tag {
            let remedy = r#"write it as pages do: "en", "pt", "de""#;
            return Err(Misfit::new(format!("{language:?} is not a language"), remedy));
        }
        labels.insert(language.to_string(), read(value.get_ref())?);
    }
    Ok(Label::ByLanguage(labels))
}

fn read_label(value: &DeValue<'_>) -> Result<String, Misfit> {
    let label = String::read(value)?;
    let fits = (1..=LABEL_BYTES_MAX).contains(&label.len()) && !label.chars().any(char::is_control);
    let remedy = format!("write 1 to {LABEL_BYTES_MAX} bytes in one line, like \"Members\"");
    if fits { Ok(label) } else { Err(Misfit::new("cannot be shown to fans", remedy)) }
}
