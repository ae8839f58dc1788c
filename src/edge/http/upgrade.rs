//! Long-lived requests: WebSockets and event streams.
//!
//! Guarantees: a request asks for a tunnel only by RFC 6455 (GET, HTTP/1.1, one `Upgrade: websocket` that its
//! `Connection` names, no body). Any other `Upgrade` is removed before anything looks at it. So no other request can
//! have a tunnel's rights, here or in Pingora.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Version};
use pingora::http::RequestHeader;

const SETTINGS: &str = "http2-settings";

/// True if a request asks for a WebSocket. A request that asks for something else is made not to ask.
pub(crate) fn asks_for_tunnel(request: &mut RequestHeader) -> bool {
    if !request.headers.contains_key(UPGRADE) {
        return false;
    }
    let asks = is_by_the_book(request);
    if !asks {
        while request.remove_header(&UPGRADE).is_some() {}
        while request.remove_header(SETTINGS).is_some() {}
    }
    asks
}

fn is_by_the_book(request: &RequestHeader) -> bool {
    let mut upgrades = request.headers.get_all(UPGRADE).iter();
    let is_only = upgrades.next().is_some_and(|value| is_websocket(value.as_bytes())) && upgrades.next().is_none();
    let options = request.headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let is_named = options.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"upgrade"));
    let has_body = request.headers.contains_key(TRANSFER_ENCODING)
        || request.headers.get(CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
    request.method == Method::GET && request.version == Version::HTTP_11 && is_only && is_named && !has_body
}

/// The value of an `Upgrade` field that asks for a WebSocket.
pub(crate) fn is_websocket(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"websocket")
}

/// True if a media type is that of an event stream.
pub(crate) fn is_event_stream(kind: &[u8]) -> bool {
    const KIND: &[u8] = b"text/event-stream";
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(KIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(method: &str, fields: &[(&'static str, &str)]) -> (bool, bool) {
        let mut request = RequestHeader::build(method, b"/", None).unwrap();
        for (name, value) in fields {
            request.append_header(*name, *value).unwrap();
        }
        (asks_for_tunnel(&mut request), request.headers.contains_key(UPGRADE))
    }

    #[test]
    fn only_a_websocket_by_the_book_is_a_tunnel_and_all_else_is_forgotten() {
        let connection = ("Connection", "keep-alive, Upgrade");
        assert_eq!(asks("GET", &[connection, ("Upgrade", "WebSocket")]), (true, true));
        for fields in [
            &[connection, ("Upgrade", "x")][..],
            &[connection, ("Upgrade", "h2c")],
            &[connection, ("Upgrade", "websocket, h2c")],
            &[connection, ("Upgrade", "websocket"), ("Upgrade", "websocket")],
            &[("Upgrade", "websocket")],
            &[connection, ("Upgrade", "websocket"), ("Content-Length", "5")],
            &[connection, ("Upgrade", "websocket"), ("Transfer-Encoding", "chunked")],
        ] {
            assert_eq!(asks("GET", fields), (false, false), "{fields:?}");
        }
        assert_eq!(asks("POST", &[connection, ("Upgrade", "websocket")]), (false, false));
        assert_eq!(asks("GET", &[connection]), (false, false));
    }
}
