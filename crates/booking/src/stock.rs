//! How many seats are free, held and sold.

/// How seats stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Can be reserved.
    pub free: u32,
    /// Reserved and not paid.
    pub held: u32,
    /// Paid.
    pub sold: u32,
}
