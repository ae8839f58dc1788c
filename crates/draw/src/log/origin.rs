//! The name of a draw log: the host that fans know, and which log of that host it is.
//!
//! Guarantee: a name has one spelling, and says where the log is served.

use std::fmt;

/// Where a host's log lies.
const PATH: &str = "/.fairgate/draw.log";

/// The origin of a draw log: `<host>/.fairgate/draw.log`, and `/2`, `/3`, … behind it for successors of one that could not
/// be continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    host: String,
    number: u32,
}

impl Origin {
    /// The log of a host, in lower case, with its port where that is not 443. `None` where it is no host, or the number is 0.
    #[must_use]
    pub fn new(host: &str, number: u32) -> Option<Self> {
        let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let is_host = !name.is_empty() && name.len() <= 253 && name.bytes().all(is_plain) && !name.contains("..");
        let is_one = is_host && is_port && port != Some("443") && !name.starts_with('.');
        (is_one && number > 0).then(|| Self { host: host.to_owned(), number })
    }

    /// Reads an origin, or the name of a log's key; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, rest) = text.split_once(PATH)?;
        let number = if rest.is_empty() { 1 } else { rest.strip_prefix('/')?.parse().ok()? };
        Self::new(host, number).filter(|origin| origin.to_string() == text)
    }

    /// The host that fans know.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Which log of the host it is: 1, or more for a successor.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where on the host it is served.
    #[must_use]
    pub fn path(&self) -> String {
        match self.number {
            1 => PATH.to_owned(),
            number => format!("{PATH}/{number}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.host, self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_one_spelling() {
        for text in
            ["tickets.example/.fairgate/draw.log", "a:8443/.fairgate/draw.log/2", "127.0.0.1:80/.fairgate/draw.log"]
        {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
        }
        let successor = Origin::parse("a:8443/.fairgate/draw.log/12").unwrap();
        assert_eq!((successor.host(), successor.number()), ("a:8443", 12));
        assert_eq!(successor.path(), "/.fairgate/draw.log/12");
        for text in [
            "/.fairgate/draw.log",
            "Tickets.example/.fairgate/draw.log",
            "a:443/.fairgate/draw.log",
            "a:080/.fairgate/draw.log",
            "a b/.fairgate/draw.log",
            "a/.fairgate/draw.log/1",
            "a/.fairgate/draw.log/02",
            "a/.fairgate/draw.log/",
            "a/.fairgate/draw.logs",
            "a",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
