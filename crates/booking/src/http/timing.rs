//! How the core feels, said on every answer (`Server-Timing`), so that the edge's leak slows down before fans notice.
//!
//! | metric | meaning |
//! |---|---|
//! | `total;dur=` | milliseconds from the request's head to its answer |
//! | `inflight;desc=` | requests that are being served at this moment, this one among them |
//! | `queue;dur=` | milliseconds that the reservation waited for its batch |
//! | `db;dur=` | milliseconds from the start of that batch to its commit |
//! | `batch;desc=` | reservations in that batch |
//! | `stock;desc=` | seats that are left in the section that was asked about |
//!
//! The last four are there where something waited for the writer of an event.

use std::time::Duration;

use http::HeaderValue;

use crate::sale::queue::Timing;

/// The name of the header (W3C Server Timing).
pub const SERVER_TIMING: http::HeaderName = http::HeaderName::from_static("server-timing");

/// Appends the header's value for an answer.
pub fn push_server_timing(out: &mut Vec<u8>, total: Duration, in_flight: i64, waited: Option<&Timing>) {
    out.extend_from_slice(b"total;dur=");
    push_millis(out, total);
    out.extend_from_slice(b", inflight;desc=");
    push_number(out, u64::try_from(in_flight).unwrap_or(0));
    if let Some(Timing { queue, database, batch, stock }) = waited {
        for (name, took) in [(&b", queue;dur="[..], queue), (b", db;dur=", database)] {
            out.extend_from_slice(name);
            push_millis(out, *took);
        }
        out.extend_from_slice(b", batch;desc=");
        push_number(out, *batch as u64);
        out.extend_from_slice(b", stock;desc=");
        push_number(out, u64::from(*stock));
    }
}

/// The header's value for an answer.
#[must_use]
pub fn server_timing(total: Duration, in_flight: i64, waited: Option<&Timing>) -> HeaderValue {
    let mut value = Vec::with_capacity(112);
    push_server_timing(&mut value, total, in_flight, waited);
    HeaderValue::from_bytes(&value).expect("ASCII")
}

/// Milliseconds with one decimal.
fn push_millis(out: &mut Vec<u8>, took: Duration) {
    let tenths = u64::try_from(took.as_micros() / 100).unwrap_or(u64::MAX);
    push_number(out, tenths / 10);
    out.extend_from_slice(&[b'.', b'0' + (tenths % 10) as u8]);
}

/// A number in decimal digits.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_the_leak_reads() {
        let ms = Duration::from_millis;
        assert_eq!(server_timing(ms(2), 1, None), "total;dur=2.0, inflight;desc=1");
        let waited = Timing { queue: Duration::from_micros(1_250), database: ms(30), batch: 64, stock: 120 };
        let value = server_timing(ms(32), 200, Some(&waited));
        assert_eq!(
            value,
            "total;dur=32.0, inflight;desc=200, queue;dur=1.2, db;dur=30.0, batch;desc=64, stock;desc=120"
        );
    }
}
