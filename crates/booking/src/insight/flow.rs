//! What happened to bookings in some time: counts that can be added up.

use std::ops::AddAssign;

/// Counts. (Where a row of a database is read, each has the name of its column.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Bookings that were held.
    pub holds: i64,
    /// Their seats.
    pub held_seats: i64,
    /// Payments that began.
    pub payments: i64,
    /// Payments that took no money.
    pub declined: i64,
    /// Bookings that were paid.
    pub bookings: i64,
    /// Their seats.
    pub sold_seats: i64,
    /// What they cost together, in the smallest unit of the currency.
    pub gross: i64,
    /// Holds that ended unpaid.
    pub expired: i64,
    /// Their seats.
    pub expired_seats: i64,
    /// Paid bookings that were cancelled.
    pub returned: i64,
    /// Their seats.
    pub returned_seats: i64,
    /// Payments that were given back.
    pub refunds: i64,
    /// What was given back, in the smallest unit of the currency.
    pub refunded: i64,
}

impl Flow {
    /// Seats that were sold, less those that came back.
    #[must_use]
    pub fn net_seats(&self) -> i64 {
        self.sold_seats - self.returned_seats
    }

    /// Reads a row that has a column for each count.
    pub(super) fn read(row: &tokio_postgres::Row) -> Self {
        Self {
            holds: row.get("holds"),
            held_seats: row.get("held_seats"),
            payments: row.get("payments"),
            declined: row.get("declined"),
            bookings: row.get("bookings"),
            sold_seats: row.get("sold_seats"),
            gross: row.get("gross"),
            expired: row.get("expired"),
            expired_seats: row.get("expired_seats"),
            returned: row.get("returned"),
            returned_seats: row.get("returned_seats"),
            refunds: row.get("refunds"),
            refunded: row.get("refunded"),
        }
    }
}

impl AddAssign for Flow {
    fn add_assign(&mut self, other: Self) {
        self.holds += other.holds;
        self.held_seats += other.held_seats;
        self.payments += other.payments;
        self.declined += other.declined;
        self.bookings += other.bookings;
        self.sold_seats += other.sold_seats;
        self.gross += other.gross;
        self.expired += other.expired;
        self.expired_seats += other.expired_seats;
        self.returned += other.returned;
        self.returned_seats += other.returned_seats;
        self.refunds += other.refunds;
        self.refunded += other.refunded;
    }
}
