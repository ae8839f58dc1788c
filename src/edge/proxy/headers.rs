//! Header fields for the shop, and of its answer for the fan.
//!
//! Guarantees: no field that a client sent can pass for the gate's word or another proxy's ([`Forged`]). The fan's
//! ticket and pass reach the shop only where the gate puts the pass. Pingora's standard policy drops hop-by-hop
//! fields.

use http::Version;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, TRAILER,
    TRANSFER_ENCODING,
};
use pingora::http::{RequestHeader, ResponseHeader};

use super::visit::Inside;
use crate::edge::context::Edge;
use crate::edge::http::client::{X_FORWARDED_FOR, X_FORWARDED_PROTO};
use fairgate_core::fields::cookies::{self, Left};
use fairgate_core::fields::{self, bearer};
use fairgate_core::request::credentials::is_gate_cookie;
use fairgate_core::request::forged::Forged;
use fairgate_token::is_gate_token;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Makes a fan's request one that the shop can believe.
pub(super) fn to_shop(forged: &Forged, request: &mut RequestHeader, inside: &Inside) -> pingora::Result<()> {
    strip(request, |name| forged.has(name));
    strip_token(request);
    strip_cookies(request)?;
    state_length_once(request)?;
    add_forwarded(request, inside)?;
    add_holder(request, inside)
}

/// Makes a shop's answer one that this fan's client understands. `true` where its end is the connection's.
pub(super) fn to_fan(
    edge: &Edge,
    version: Version,
    inside: &Inside,
    answer: &mut ResponseHeader,
) -> pingora::Result<bool> {
    // Pingora passes on no trailers.
    while answer.remove_header(&TRAILER).is_some() {}
    if let Some(hsts) = edge.hsts.as_ref().filter(|_| inside.arrival.client.secure)
        && !answer.headers.contains_key(STRICT_TRANSPORT_SECURITY)
    {
        answer.insert_header(STRICT_TRANSPORT_SECURITY, hsts.clone())?;
    }
    // HTTP/1.0 has no chunks.
    let ends_with_connection = version == Version::HTTP_10 && answer.headers.contains_key(TRANSFER_ENCODING);
    if ends_with_connection {
        while answer.remove_header(&TRANSFER_ENCODING).is_some() {}
    }
    Ok(ends_with_connection)
}

fn strip(request: &mut RequestHeader, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = request.headers.keys().filter(|name| unwanted(name.as_str())).cloned().collect();
    for name in &names {
        while request.remove_header(name).is_some() {}
    }
}

/// A ticket or pass as a bearer token is for the gate. A shop's own login is for the shop.
fn strip_token(request: &mut RequestHeader) {
    let token = fields::first(&request.headers, &AUTHORIZATION).and_then(bearer);
    if token.is_some_and(is_gate_token) {
        while request.remove_header(&AUTHORIZATION).is_some() {}
    }
}

fn strip_cookies(request: &mut RequestHeader) -> pingora::Result<()> {
    match cookies::without(&request.headers, is_gate_cookie) {
        Left::Untouched => Ok(()),
        Left::Line(theirs) => request.insert_header(COOKIE, theirs),
        Left::Nothing => {
            while request.remove_header(&COOKIE).is_some() {}
            Ok(())
        }
    }
}

/// Pingora takes HTTP/2 requests that state one length several times. To an HTTP/1 shop it is stated once.
fn state_length_once(request: &mut RequestHeader) -> pingora::Result<()> {
    if fields::list(&request.headers, &CONTENT_LENGTH).count() < 2 {
        return Ok(());
    }
    let length =
        fields::list(&request.headers, &CONTENT_LENGTH).next().and_then(|one| HeaderValue::from_bytes(one).ok());
    let Some(length) = length else { return Ok(()) };
    request.insert_header(CONTENT_LENGTH, length)
}

fn add_forwarded(request: &mut RequestHeader, inside: &Inside) -> pingora::Result<()> {
    let client = &inside.arrival.client;
    request.insert_header(X_FORWARDED_FOR, client.address.to_string())?;
    request.insert_header(X_FORWARDED_PROTO, if client.secure { "https" } else { "http" })?;
    let host = request.headers.get(HOST).cloned();
    let host = host.or_else(|| HeaderValue::from_str(&inside.arrival.authority).ok());
    match host {
        Some(host) => request.insert_header(X_FORWARDED_HOST, host),
        None => Ok(()),
    }
}

fn add_holder(request: &mut RequestHeader, inside: &Inside) -> pingora::Result<()> {
    let Some(holder) = &inside.holder else { return Ok(()) };
    request.insert_header("X-Fairgate-Room", inside.room.name())?;
    request.insert_header("X-Fairgate-Session", holder.pass.session.to_string())?;
    request.insert_header("X-Fairgate-Place", holder.pass.place)?;
    request.insert_header("X-Fairgate-Pass", &*holder.token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_its_own_cookies_out_of_several_fields() {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        request.append_header(COOKIE, "a=1; fairgate-pass-final=x.y.z").unwrap();
        request.append_header(COOKIE, "b=2; __Host-fairgate-ticket-final=x").unwrap();
        strip_cookies(&mut request).unwrap();
        let left: Vec<_> = request.headers.get_all(COOKIE).iter().collect();
        assert_eq!(left, ["a=1; b=2"]);
    }

    #[test]
    fn a_length_is_stated_once() {
        for lengths in [&["5", "5"][..], &["5, 5"], &["5"]] {
            let mut request = RequestHeader::build("POST", b"/", None).unwrap();
            for length in lengths {
                request.append_header(CONTENT_LENGTH, *length).unwrap();
            }
            state_length_once(&mut request).unwrap();
            assert_eq!(request.headers.get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>(), ["5"], "{lengths:?}");
        }
    }
}
