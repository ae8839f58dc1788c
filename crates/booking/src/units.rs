//! Seats are `u32` units here and `int4` in the tables: the way from one to the other.

/// The units as a parameter of a statement.
pub(crate) fn signed(units: &[u32]) -> Vec<i32> {
    units.iter().map(|&unit| i32::try_from(unit).unwrap_or(i32::MAX)).collect()
}

/// A unit, or a small count, from a row.
pub(crate) fn unsigned(unit: i32) -> u32 {
    u32::try_from(unit).unwrap_or(0)
}

/// A count from a row.
pub(crate) fn unsigned_long(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
