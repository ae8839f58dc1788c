//! The `Date` of an answer (RFC 9110, 6.6.1), made once a second.

use jiff::Timestamp;

/// The date that was last asked for.
#[derive(Debug, Default)]
pub(super) struct HttpDate {
    second: i64,
    text: String,
}

impl HttpDate {
    /// The date at a time, Unix milliseconds.
    pub(super) fn at(&mut self, now_ms: u64) -> &str {
        let second = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
        if second != self.second || self.text.is_empty() {
            let instant = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            (self.second, self.text) = (second, instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_imf_fixdate() {
        let mut date = HttpDate::default();
        assert_eq!(date.at(784_111_777_999), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date.at(784_111_778_000), "Sun, 06 Nov 1994 08:49:38 GMT");
    }
}
