//! Cookies, lists, hosts and forwarded addresses, against what a loop over their bytes says.

use std::net::IpAddr;

use http::header::{ACCEPT, COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Uri};

use crate::edge::client_address;
use fairgate_core::fields::{accepts, bearer, cookies, items, names_tag, weighted};
use fairgate_core::request::credentials::is_gate_cookie;
use fairgate_core::request::decide::wants_page;
use fairgate_core::request::forged::Forged;
use fairgate_core::request::host::canonical_host;
use fairgate_core::request::origin::is_own_origin;

/// Reads fields, one a line, from any bytes.
///
/// # Panics
/// When a byte of one hides another, or something of the gate's gets by.
pub fn fields(bytes: &[u8]) {
    let lines: Vec<HeaderValue> =
        bytes.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()).take(16).collect();
    cookies_of(&lines);
    forwarded(&lines);
    for line in &lines {
        one(line.as_bytes());
    }
    let _ = wants_page(&all(&ACCEPT, &lines));
}

fn all(name: &HeaderName, lines: &[HeaderValue]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.clone());
    }
    headers
}

fn cookies_of(lines: &[HeaderValue]) {
    let headers = all(&COOKIE, lines);
    let joined = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b';');
    let tidy = |pair: &&[u8]| !pair.is_empty();
    let pairs: Vec<&[u8]> = joined.split(|byte| *byte == b';').map(trimmed).filter(tidy).collect();
    let name = |pair: &[u8]| trimmed(pair.split(|byte| *byte == b'=').next().unwrap_or_default()).to_vec();
    let theirs: Vec<&[u8]> = pairs.iter().copied().filter(|pair| !is_gate_cookie(&name(pair))).collect();
    match cookies::without(&headers, is_gate_cookie) {
        cookies::Left::Untouched => assert!(theirs == pairs && lines.len() <= 1),
        cookies::Left::Line(line) => assert_eq!(line.as_bytes(), theirs.join(&b"; "[..])),
        cookies::Left::Nothing => assert!(theirs.is_empty()),
    }
    let wanted = "fairgate-pass-final";
    let first = pairs.iter().find(|pair| pair.contains(&b'=') && name(pair) == wanted.as_bytes());
    let value = first.map(|pair| trimmed(&pair[pair.iter().position(|byte| *byte == b'=').unwrap_or(0) + 1..]));
    assert_eq!(cookies::find(&headers, wanted), value);
}

/// By another way than the code that is tried.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_there = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(is_there) else { return &[] };
    let end = bytes.iter().rposition(is_there).map_or(start, |at| at + 1);
    &bytes[start..end]
}

/// A proxy appends the address that it sees; what the client wrote before it changes nothing.
fn forwarded(lines: &[HeaderValue]) {
    let name = HeaderName::from_static("x-forwarded-for");
    let trusted = ["10.0.0.0/8".parse().expect("a network")];
    let proxy = IpAddr::from([10, 0, 0, 1]);
    let client = |headers: &HeaderMap| client_address(proxy, headers, &trusted);
    let mut headers = all(&name, lines);
    headers.append(&name, HeaderValue::from_static("192.0.2.7"));
    assert_eq!(client(&headers), IpAddr::from([192, 0, 2, 7]), "in a field of its own");
    for line in lines {
        let mut appended = line.as_bytes().to_vec();
        appended.extend_from_slice(b", 192.0.2.7");
        let Ok(field) = HeaderValue::from_bytes(&appended) else { continue };
        assert_eq!(client(&all(&name, &[field])), IpAddr::from([192, 0, 2, 7]), "in the client's field");
    }
}

fn one(value: &[u8]) {
    for item in items(value) {
        assert!(!item.is_empty() && item == trimmed(item) && !item.contains(&b','));
        assert!(weighted(item).1 <= 1000);
    }
    let longer = [value, b", br"].concat();
    assert!(accepts(&longer, "br") && names_tag(&[value, b",\"a\""].concat(), b"\"a\""));
    assert!(bearer(value).is_none_or(|token| token.is_ascii() && !token.is_empty()));
    let Ok(text) = std::str::from_utf8(value) else { return };
    if let Ok(host) = canonical_host(text) {
        assert!(!host.is_empty() && !host.bytes().any(|byte| byte.is_ascii_uppercase()));
        let spelled = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        assert_eq!(canonical_host(&spelled).as_deref(), Ok(&*host), "canonical once");
        assert!(format!("http://{spelled}/").parse::<Uri>().is_ok(), "a host that stands in URLs");
        assert!(!is_own_origin(None, Some(value), text) || text.contains("://"));
    }
    let forged = Forged::new(&[], &[]);
    assert_eq!(forged.has(text), forged.has(&text.replace('-', "_").to_ascii_uppercase()), "in every spelling");
}
