//! Instants as the database counts them.

use std::error::Error;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, private::BytesMut, to_sql_checked};

/// A point in the database's time, Unix milliseconds; both infinities are the ends of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DbTime(pub i64);

impl DbTime {
    /// Before everything: a seat that is free.
    pub const NEVER: Self = Self(i64::MIN);
    /// After everything: a seat that is sold.
    pub const FOREVER: Self = Self(i64::MAX);

    /// RFC 3339 in UTC with milliseconds.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        format!("{instant:.3}")
    }
}

/// 2000-01-01, from which Postgres counts microseconds, in Unix milliseconds.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;

impl<'a> FromSql<'a> for DbTime {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(raw.try_into()?);
        Ok(match micros {
            i64::MIN => Self::NEVER,
            i64::MAX => Self::FOREVER,
            finite => Self(finite.div_euclid(1000) + POSTGRES_EPOCH_MS),
        })
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for DbTime {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let micros = match *self {
            Self::NEVER => i64::MIN,
            Self::FOREVER => i64::MAX,
            Self(ms) => (ms - POSTGRES_EPOCH_MS).checked_mul(1000).ok_or("a time far out of range")?,
        };
        out.extend_from_slice(&micros.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}
