//! From the template to a language's document: what is the same for everyone, and a tail for each state of a visitor.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::language::Language;
use super::noscript::{AHEAD, MESSAGE, OPENS, PLACE, RETURN_QUERY, RETURN_TO, State};
use super::{FormWay, PageError, PageInput, display_name, requirements, script};

/// The template that is used where an organizer gives none.
pub const SHIPPED: &str = include_str!("../../pages/waiting/template.html");
pub(super) const STYLE: &str = include_str!("../../pages/waiting/style.css");

/// The block of the template that differs by visitor. It has to be the end of the document.
const BLOCK: &str = "noscript";

/// A parsed template.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    style: String,
    script: String,
    environment: Environment<'static>,
}

/// A language's document in two parts.
pub(super) struct Rendered {
    pub(super) head: String,
    pub(super) tails: Vec<(State, String)>,
}

impl Source {
    /// The organizer's template, or the one shipped.
    pub(super) fn load(path: Option<&Path>) -> Result<Self, PageError> {
        let text = match path {
            None => SHIPPED.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| PageError::Unreadable { path: path.to_owned(), source })?,
        };
        let name = display_name(path);
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template_owned(name.clone(), text).map_err(|error| located(&name, &error))?;
        Ok(Self {
            name,
            style: fairgate_pages::style(STYLE),
            script: fairgate_pages::bundle(script::WAITING),
            environment,
        })
    }

    /// Renders one language's document for every state and cuts off what differs.
    pub(super) fn render(&self, input: &PageInput, language: &Language) -> Result<Rendered, PageError> {
        let mut head: Option<String> = None;
        let mut tails = Vec::with_capacity(State::ALL.len());
        for state in State::ALL {
            let (this_head, tail) =
                self.render_for(state, input, language).map_err(|error| located(&self.name, &error))?;
            let this_head = this_head.ok_or_else(|| self.layout("end the document with the block `noscript`"))?;
            if head.get_or_insert_with(|| this_head.clone()) != &this_head {
                return Err(self.layout("use `state` and the visitor's values inside the block `noscript` only"));
            }
            tails.push((state, tail));
        }
        let head = head.unwrap_or_default();
        requirements::check(&self.name, &head, tails.iter().map(|(_, tail)| tail.as_str()), &self.script)?;
        Ok(Rendered { head, tails })
    }

    fn render_for(
        &self,
        state: State,
        input: &PageInput,
        language: &Language,
    ) -> Result<(Option<String>, String), minijinja::Error> {
        let template = self.environment.get_template(&self.name)?;
        let mut document = template.render_captured(self.values(state, input, language))?;
        let tail = document.with_state_mut(|state| state.render_block(BLOCK))?;
        Ok((document.output().strip_suffix(&tail).map(str::to_owned), tail))
    }

    /// Everything a template may use.
    fn values(&self, state: State, input: &PageInput, language: &Language) -> Value {
        let base = format!("{}/{}", input.prefix.trim_end_matches('/'), input.room);
        context! {
            lang => language.tag,
            dir => language.dir.as_str(),
            room => input.room.as_str(),
            title => input.title.as_str(),
            base => base.as_str(),
            text => words(language),
            style => format!("{}{}", self.style, input.own.style()),
            own => input.own.values(language),
            script => self.script.as_str(),
            config => context! { room => input.room.as_str(), base => base.as_str(), title => input.title.as_str(), text => language.script.clone() },
            state => state.kind(),
            words => state.words(),
            place => PLACE,
            ahead => AHEAD,
            return_to => RETURN_TO,
            return_query => RETURN_QUERY,
            ways => input.entry.forms.iter().map(FormWay::values).collect::<Vec<_>>(),
            ask => language.entry.clone(),
            message => MESSAGE,
            opens => OPENS,
        }
    }

    fn layout(&self, remedy: &'static str) -> PageError {
        PageError::Layout { file: self.name.clone(), remedy }
    }
}

/// The words of the document. Those of a sale that is over and has a next one are the script's.
fn words(language: &Language) -> BTreeMap<String, String> {
    let mut words = language.text.clone();
    if let (Some(ended), Some(next)) = (language.text.get("ns_ended"), language.script.get("ended_next")) {
        words.insert("ns_between".to_owned(), ended.clone());
        words.insert("ns_between_text".to_owned(), next.replace("{time}", OPENS));
    }
    words
}

pub(super) fn located(name: &str, error: &minijinja::Error) -> PageError {
    let detail =
        error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    PageError::Template { file: name.to_owned(), line: error.line().unwrap_or(1), detail }
}
