//! Answers of the gate, written to the client through Pingora.

use http::Method;
use http::header::CONTENT_LENGTH;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;
use pingora::{Error, ErrorType, OrErr};

use crate::edge::context::Edge;
use crate::edge::draw::past;
use crate::edge::draw::public_lists::{self, ListAnswer, Reader};
use crate::edge::http::answer::Answer;
use crate::edge::http::problem::Problem;
use crate::edge::http::request::authority;
use crate::edge::room::handle::LiveRoom;

/// Sends an answer. Connections are kept unless the edge is stopping.
pub(super) async fn respond(edge: &Edge, session: &mut Session, answer: &Answer) -> pingora::Result<()> {
    let request = session.req_header();
    let [shared, rest] = answer.body_for(&request.method, request.version);
    begin(edge, session, answer, answer.body_bytes() as u64, shared.is_empty() && rest.is_empty()).await?;
    if !shared.is_empty() {
        session.write_response_body(Some(shared), rest.is_empty()).await?;
    }
    if !rest.is_empty() {
        session.write_response_body(Some(rest), true).await?;
    }
    Ok(())
}

/// Sends a roster part by part, as fast as the client takes it.
pub(super) async fn respond_list(
    edge: &Edge,
    session: &mut Session,
    room: &LiveRoom,
    answer: ListAnswer,
    reader: &Reader,
) -> pingora::Result<()> {
    let ListAnswer { head, list, bytes: mut left, file } = answer;
    let from = left.start;
    let head_only = session.req_header().method == Method::HEAD || left.is_empty();
    begin(edge, session, &head, left.end - left.start, head_only).await?;
    while !head_only && !left.is_empty() {
        let part = match &file {
            None => {
                public_lists::part(edge, room, list, &left).await.or_err(ErrorType::InternalError, "reading a list")
            }
            Some(file) => past::serve::part(file, &left).await.or_err(ErrorType::InternalError, "reading a kept list"),
        }?;
        left.start += part.len() as u64;
        session.write_response_body(Some(part), left.is_empty()).await?;
        if reader.is_slow(left.start - from) {
            return Err(Error::explain(ErrorType::WriteTimedout, "a list is read too slowly").into_down());
        }
    }
    Ok(())
}

/// The problem as the client wants it told; the connection ends where it cannot be trusted after it.
pub(super) fn problem_answer(edge: &Edge, session: &mut Session, problem: &Problem) -> Answer {
    if problem.closes() {
        session.set_keepalive(None);
    }
    let header = session.req_header();
    edge.tell(problem, &header.headers, authority(&header.uri, &header.headers), header.raw_path())
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
