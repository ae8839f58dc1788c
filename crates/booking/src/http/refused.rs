//! How the API's description says that a call may be refused: a status, with problem details as the body.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// An answer of this status that is told by its problem alone.
pub(super) enum Refused<const STATUS: u16> {}

impl<const STATUS: u16> IntoResponses for Refused<STATUS> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let details = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDetails"))).build();
        let response = ResponseBuilder::new().content("application/problem+json", details).build();
        BTreeMap::from([(STATUS.to_string(), response.into())])
    }
}

/// What any call with a body may be answered: it cannot be read, is too long, of another type, or says what cannot be.
pub(super) enum BadBody {}

impl IntoResponses for BadBody {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let all = [Refused::<400>::responses(), Refused::<413>::responses(), Refused::<415>::responses()];
        all.into_iter().flatten().chain(Refused::<422>::responses()).collect()
    }
}
