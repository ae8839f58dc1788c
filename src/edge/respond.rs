//! Puts an answer on the wire through Pingora.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, OrErr};

use super::answer::Answer;
use super::lists::{self, ListAnswer};
use super::live::LiveRoom;
use super::state::Edge;

/// Sends an answer. Connections are kept unless the edge is stopping.
pub(crate) async fn respond(edge: &Edge, session: &mut Session, answer: &Answer) -> pingora::Result<()> {
    let body = answer.body_for(&session.req_header().method);
    begin(edge, session, answer, answer.body.len() as u64, body.is_empty()).await?;
    if !body.is_empty() {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// Sends a roster part by part, as fast as the client takes it.
pub(crate) async fn respond_list(
    edge: &Edge,
    session: &mut Session,
    room: &LiveRoom,
    answer: ListAnswer,
) -> pingora::Result<()> {
    let ListAnswer { head, list, bytes: mut left } = answer;
    let head_only = session.req_header().method == Method::HEAD || left.is_empty();
    begin(edge, session, &head, left.end - left.start, head_only).await?;
    while !head_only && !left.is_empty() {
        let part = lists::part(edge, room, list, &left).await.or_err(ErrorType::InternalError, "reading a list")?;
        left.start += part.len() as u64;
        session.write_response_body(Some(part), left.is_empty()).await?;
    }
    Ok(())
}

async fn begin(
    edge: &Edge,
    session: &mut Session,
    answer: &Answer,
    body_bytes: u64,
    head_only: bool,
) -> pingora::Result<()> {
    if edge.traffic.is_draining() {
        session.set_keepalive(None);
    }
    let mut header = ResponseHeader::build(answer.status, Some(answer.headers.len() + 4))?;
    for (name, value) in &answer.headers {
        header.append_header(name, value)?;
    }
    // To HEAD it is the length that GET would get.
    if answer.has_length() {
        header.insert_header(CONTENT_LENGTH, body_bytes)?;
    }
    session.write_response_header(Box::new(header), head_only).await
}

/// Reads a request's body to its end; `None` where it is longer than that.
pub(crate) async fn read_body(
    session: &mut Session,
    bytes_max: u64,
    within: Duration,
) -> pingora::Result<Option<Bytes>> {
    if session.get_header(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        session.as_mut().write_continue_response().await?;
    }
    let read = async {
        let mut body = Vec::new();
        while let Some(part) = session.read_request_body().await? {
            if (body.len() + part.len()) as u64 > bytes_max {
                return Ok(None);
            }
            body.extend_from_slice(&part);
        }
        Ok(Some(body.into()))
    };
    // The timeout between two reads would let a client trickle for ever.
    match tokio::time::timeout(within, read).await {
        Ok(body) => body,
        Err(_) => Err(Error::explain(ErrorType::ReadTimedout, "the body comes too slowly").into_down()),
    }
}

/// Whether a method may have a body worth reading.
pub(crate) fn has_body(method: &Method) -> bool {
    method == Method::POST
}
