//! `[[upstream]]`: the shops behind the gate.

use super::reader::Section;
use super::times::Span;

/// One shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// What rooms call it.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// True to speak TLS to the shop; its certificate must be for `host`.
    pub tls: bool,
    /// How long a connection may take.
    pub connect_timeout_ms: u64,
    /// How long the shop may keep silent within an answer, and before it.
    pub read_timeout_ms: u64,
    /// Requests that may be with the shop at once.
    pub in_flight_max: u32,
    /// Requests that may wait for a slot beyond that.
    pub queue_max: u32,
    /// How long a request may wait for a slot.
    pub queue_wait_ms: u64,
    /// Of slots and queue, what those without a pass may have, in hundredths.
    pub open_percent: u32,
    /// Tunnels and event streams that may be open at once.
    pub streams_max: u32,
}

impl UpstreamConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let name: Option<String> = section.require("name", r#""shop""#);
        if let Some(name) = &name {
            section.check(!name.is_empty(), "name", "is empty", "give it a name that rooms can use");
        }
        let address: Option<String> = section.require("address", r#""127.0.0.1:3000""#);
        let parts = address.and_then(|address| host_and_port(section, &address));
        let in_flight_max = section.get_or("max_in_flight", 512);
        section.check(in_flight_max > 0, "max_in_flight", "is 0: no request would ever reach the shop", "at least 1");
        let open_percent = section.get_or("open_percent", 25);
        section.check(
            (1..=90).contains(&open_percent),
            "open_percent",
            format!("{open_percent} is not a share that leaves both something"),
            "write 1 to 90; 25 where most of the shop is behind the room, more where most of it is beside it",
        );
        // Every key is asked for before one that does not fit ends it, or those behind it would pass for unknown.
        let tls = section.get_or("tls", false);
        let connect_timeout_ms = section.timeout("connect_timeout", Span::seconds(2));
        let read_timeout_ms = section.timeout("read_timeout", Span::seconds(30));
        let queue_max = section.get_or("queue", 128);
        let queue_wait_ms = section.timeout("queue_wait", Span::seconds(1));
        let streams_max = section.get_or("max_streams", 1_000);
        let (host, port) = parts?;
        Some(Self {
            name: name?,
            host,
            port,
            tls,
            connect_timeout_ms,
            read_timeout_ms,
            in_flight_max,
            queue_max,
            queue_wait_ms,
            open_percent,
            streams_max,
        })
    }
}

impl Section<'_> {
    /// A span that must not be zero.
    pub(super) fn timeout(&self, key: &'static str, default: Span) -> u64 {
        let ms = self.get_or(key, default).ms;
        self.check(ms > 0, key, "is zero", r#"write a span like "10s""#);
        ms
    }
}

fn host_and_port(section: &Section<'_>, address: &str) -> Option<(String, u16)> {
    let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match parts {
        Some((host, port)) if is_host(host) && port > 0 => Some((host.trim_matches(['[', ']']).to_owned(), port)),
        _ => {
            let remedy = r#"write host and port without a scheme, like "127.0.0.1:3000" or "shop.internal:8443""#;
            section.problem("address", format!("{address:?} is not a host and a port"), remedy);
            None
        }
    }
}

fn is_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    }
}
