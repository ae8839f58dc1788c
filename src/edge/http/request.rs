//! A fan's request as a value, read to its end. No listener and no connection is involved.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

use fairgate_core::fields;
use fairgate_core::request::origin::is_own_origin;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A fan's request, read to its end.
pub(crate) struct FanRequest<'r> {
    pub(crate) method: &'r Method,
    pub(crate) headers: &'r HeaderMap,
    /// `Host` or `:authority`, as sent.
    pub(crate) authority: &'r str,
    /// The target's path, in its canonical spelling.
    pub(crate) path: &'r str,
    /// The target's query, without its question mark.
    pub(crate) query: Option<&'r str>,
    /// True if the fan came by TLS.
    pub(crate) secure: bool,
    /// The address whose quotas the request counts for.
    pub(crate) address: IpAddr,
    /// True if a page sent the request whose origin the room names.
    pub(crate) is_from_named_origin: bool,
    pub(crate) body: Bytes,
}

impl FanRequest<'_> {
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&[u8]> {
        fields::first(self.headers, name)
    }

    /// The address that a browser has for this call: scheme, authority and path. The scheme is the fan's, also behind a
    /// proxy; its own port is left out, as browsers do.
    pub(crate) fn address_of_call(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// The beginning of that address: scheme and authority.
    pub(crate) fn origin(&self) -> String {
        let (scheme, port) = if self.secure { ("https", ":443") } else { ("http", ":80") };
        let authority = self.authority.to_ascii_lowercase();
        format!("{scheme}://{}", authority.strip_suffix(port).unwrap_or(&authority))
    }

    /// True if the request may change something: it comes from a page of this origin, of one that the room names, or
    /// of none.
    pub(crate) fn is_own(&self) -> bool {
        self.is_from_named_origin || is_own_origin(self.header(&SEC_FETCH_SITE), self.header(&ORIGIN), self.authority)
    }
}

/// The authority a request was sent to: `:authority`, which all of HTTP/2 has, or `Host`. Pingora refuses a request in which
/// they differ.
pub(crate) fn authority<'r>(uri: &'r http::Uri, headers: &'r HeaderMap) -> &'r str {
    let host = || fields::first(headers, &HOST).and_then(|host| std::str::from_utf8(host).ok());
    uri.authority().map(http::uri::Authority::as_str).or_else(host).unwrap_or_default()
}
