//! How the core feels, said on every answer (`Server-Timing`), so that the edge's leak slows down before fans notice.
//!
//! | metric | meaning |
//! |---|---|
//! | `total;dur=` | milliseconds from the request's head to its answer |
//! | `inflight;desc=` | requests that are being served at this moment, this one among them |
//! | `queue;dur=` | milliseconds that the reservation waited for its batch |
//! | `db;dur=` | milliseconds from the start of that batch to its commit |
//! | `batch;desc=` | reservations in that batch |
//!
//! The last three are there where something waited for the writer of an event.

use std::fmt::Write;
use std::time::Duration;

/// The name of the header (W3C Server Timing).
pub const SERVER_TIMING: http::HeaderName = http::HeaderName::from_static("server-timing");

/// What became of a reservation's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// In the queue of its event's desk.
    pub queue: Duration,
    /// From the start of its batch to the commit.
    pub database: Duration,
    /// Reservations in the batch.
    pub batch: usize,
}

/// The header's value for an answer.
#[must_use]
pub fn server_timing(total: Duration, in_flight: i64, waited: Option<&Timing>) -> String {
    let mut value = String::with_capacity(96);
    // Writing to a string cannot fail.
    let _ = write!(value, "total;dur={}, inflight;desc={in_flight}", Millis(total));
    if let Some(Timing { queue, database, batch }) = waited {
        let _ = write!(value, ", queue;dur={}, db;dur={}, batch;desc={batch}", Millis(*queue), Millis(*database));
    }
    value
}

/// Milliseconds with one decimal.
struct Millis(Duration);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = self.0.as_micros() / 100;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_what_the_leak_reads() {
        let ms = Duration::from_millis;
        assert_eq!(server_timing(ms(2), 1, None), "total;dur=2.0, inflight;desc=1");
        let waited = Timing { queue: Duration::from_micros(1_250), database: ms(30), batch: 64 };
        let value = server_timing(ms(32), 200, Some(&waited));
        assert_eq!(value, "total;dur=32.0, inflight;desc=200, queue;dur=1.2, db;dur=30.0, batch;desc=64");
    }
}
