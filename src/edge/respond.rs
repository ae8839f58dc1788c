//! Puts an answer on the wire through Pingora.

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_LENGTH;
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::answer::Answer;
use super::state::Edge;

/// Sends an answer. Connections are kept unless the edge is stopping.
pub(crate) async fn respond(edge: &Edge, session: &mut Session, answer: &Answer) -> pingora::Result<()> {
    if edge.traffic.is_draining() {
        session.set_keepalive(None);
    }
    let header = response_header(answer)?;
    let body = answer.body_for(&session.req_header().method);
    session.write_response_header(Box::new(header), body.is_empty()).await?;
    if !body.is_empty() {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

fn response_header(answer: &Answer) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(answer.status, Some(answer.headers.len() + 4))?;
    for (name, value) in &answer.headers {
        header.append_header(name, value)?;
    }
    // To HEAD it is the length that GET would get.
    if answer.has_length() {
        header.insert_header(CONTENT_LENGTH, answer.body.len())?;
    }
    Ok(header)
}

/// Reads a request's body to its end; `None` where it is longer than that.
pub(crate) async fn read_body(session: &mut Session, bytes_max: u64) -> pingora::Result<Option<Bytes>> {
    let mut body = Vec::new();
    while let Some(part) = session.read_request_body().await? {
        if (body.len() + part.len()) as u64 > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body.into()))
}

/// Whether a method may have a body worth reading.
pub(crate) fn has_body(method: &Method) -> bool {
    method == Method::POST
}
