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

use bytes::BufMut;
use http::HeaderValue;

use crate::sale::queue::Timing;

/// The name of the header (W3C Server Timing).
pub const SERVER_TIMING: http::HeaderName = http::HeaderName::from_static("server-timing");

/// The longest value: every number as large as it can be.
const BYTES_MAX: usize = 256;

/// The header's value for an answer. It is written on the stack, and copied once.
#[must_use]
pub fn server_timing(total: Duration, in_flight: i64, waited: Option<&Timing>) -> HeaderValue {
    let mut bytes = [0; BYTES_MAX];
    let mut rest = &mut bytes[..];
    push_server_timing(&mut rest, total, in_flight, waited);
    let written = BYTES_MAX - rest.len();
    HeaderValue::from_bytes(&bytes[..written]).expect("ASCII")
}

fn push_server_timing(out: &mut impl BufMut, total: Duration, in_flight: i64, waited: Option<&Timing>) {
    out.put_slice(b"total;dur=");
    push_millis(out, total);
    out.put_slice(b", inflight;desc=");
    push_number(out, u64::try_from(in_flight).unwrap_or(0));
    if let Some(Timing { queue, database, batch, stock }) = waited {
        for (name, took) in [(&b", queue;dur="[..], queue), (b", db;dur=", database)] {
            out.put_slice(name);
            push_millis(out, *took);
        }
        out.put_slice(b", batch;desc=");
        push_number(out, *batch as u64);
        out.put_slice(b", stock;desc=");
        push_number(out, u64::from(*stock));
    }
}

/// Milliseconds with one decimal.
fn push_millis(out: &mut impl BufMut, took: Duration) {
    let tenths = u64::try_from(took.as_micros() / 100).unwrap_or(u64::MAX);
    push_number(out, tenths / 10);
    out.put_slice(&[b'.', b'0' + (tenths % 10) as u8]);
}

/// A number in decimal digits.
fn push_number(out: &mut impl BufMut, mut number: u64) {
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
    out.put_slice(&digits[first..]);
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

    #[test]
    fn the_largest_numbers_fit() {
        let waited = Timing { queue: Duration::MAX, database: Duration::MAX, batch: usize::MAX, stock: u32::MAX };
        let value = server_timing(Duration::MAX, i64::MAX, Some(&waited));
        assert!(value.to_str().expect("ASCII").ends_with("stock;desc=4294967295"));
    }
}
