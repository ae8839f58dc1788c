//! Which state of a room's controls a caller has seen, so that nobody overwrites what they have not seen (RFC 9110, 13.1.1).

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderValue, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use fairgate_core::fields;
use fairgate_core::room::View;

/// How many bytes of a draw's digest tell one sale of a room from another.
const SALE_BYTES: usize = 4;

/// The state of a room's controls: which sale, and how often somebody has changed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ControlsTag {
    sale: String,
    /// See [`View::control_revision`].
    pub(super) revision: u64,
}

impl ControlsTag {
    pub(super) fn of(view: &View) -> Self {
        Self { sale: hex::encode(&view.draw.descriptor_digest[..SALE_BYTES]), revision: view.control_revision }
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sale, revision) = text.split_once('-')?;
        Some(Self { sale: sale.to_owned(), revision: revision.parse().ok()? })
    }

    /// True if it is of the same sale, and of an earlier state.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.sale == other.sale && self.revision < other.revision
    }

    /// An answer with this state as its `ETag`.
    pub(super) fn on(text: &str, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{text}\"")) {
            response.headers_mut().insert(ETAG, tag);
        }
        response
    }
}

impl fmt::Display for ControlsTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.sale, self.revision)
    }
}

/// What a request says that its sender has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: the change is made to whatever is there.
    #[default]
    Anything,
    /// This state.
    This(ControlsTag),
    /// Something that no room has been.
    Nothing,
}

impl Seen {
    /// What a text of the API or a form says.
    pub(super) fn parse(text: &str) -> Self {
        ControlsTag::parse(text).map_or(Self::Nothing, Self::This)
    }

    /// True if the controls stand as they were seen.
    pub(super) fn is_now(&self, now: &ControlsTag) -> bool {
        match self {
            Self::Anything => true,
            Self::This(tag) => tag == now,
            Self::Nothing => false,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(match fields::first(&parts.headers, &IF_MATCH) {
            None | Some(b"*") => Self::Anything,
            Some(tag) => {
                let quoted = str::from_utf8(tag).ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
                quoted.map_or(Self::Nothing, Self::parse)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_as_it_was_written_and_anything_else_matches_nothing() {
        let tag = ControlsTag { sale: "00ff12ab".into(), revision: 7 };
        assert_eq!(ControlsTag::parse(&tag.to_string()), Some(tag.clone()));
        assert!(Seen::parse("00ff12ab-7").is_now(&tag) && Seen::Anything.is_now(&tag));
        for other in ["", "7", "00ff12ab-8", "00ff12ab-", "00ff12ac-7", "00ff12ab-7-7"] {
            assert!(!Seen::parse(other).is_now(&tag), "{other:?}");
        }
        assert!(ControlsTag { revision: 6, ..tag.clone() }.is_before(&tag) && !tag.is_before(&tag));
        assert!(!ControlsTag { sale: "00ff12ac".into(), revision: 6 }.is_before(&tag));
    }
}
