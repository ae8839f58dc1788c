//! Bodies of fans' calls: JSON from programs, and forms from pages without scripts.

use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::Answer;
use super::problem::Problem;
use super::request::FanRequest;
use fairgate_core::fields::essence;
use fairgate_core::request::origin::return_path;

/// A fan's body.
#[derive(Debug, PartialEq)]
pub(crate) enum Sent<T> {
    /// A form of the waiting page; where to go afterwards.
    Form {
        /// A path of this origin.
        return_to: String,
    },
    /// JSON, or nothing where every field is optional.
    Json(T),
}

/// A body that has nothing to say.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned> Sent<T> {
    /// Reads a body by its `Content-Type`.
    pub(crate) fn read(request: &FanRequest<'_>) -> Result<Self, Problem> {
        let kind = essence(request.header(&CONTENT_TYPE).unwrap_or_default());
        if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            return Ok(Self::Form { return_to: return_to(&request.body)? });
        }
        let body: &[u8] = if request.body.is_empty() { b"{}" } else { &request.body };
        serde_json::from_slice(body)
            .map(Self::Json)
            .map_err(|error| Problem::BadBody(format!("the body is not the JSON that is expected here: {error}")))
    }
}

impl<T> Sent<T> {
    /// The answer in the form that was asked for: a program's, or the way back to the page.
    pub(crate) fn reply(&self, program: Answer) -> Answer {
        let Self::Form { return_to } = self else { return program };
        let mut back = Answer::see_other(return_to);
        back.headers.extend(program.headers.into_iter().filter(|(name, _)| name == http::header::SET_COOKIE));
        back
    }
}

fn return_to(body: &[u8]) -> Result<String, Problem> {
    let sent = form_urlencoded::parse(body).find(|(name, _)| name == "return_to");
    let Some((_, path)) = sent else { return Ok("/".to_owned()) };
    return_path(&path).ok_or_else(|| Problem::BadBody("return_to must be a path of this site".to_owned()))
}
