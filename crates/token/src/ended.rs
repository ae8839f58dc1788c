//! The sessions that ended before their passes do, as an edge tells those who judge passes by themselves.

use serde::{Deserialize, Serialize};

/// `/.fairgate/ended/{room}.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The room.
    pub room: String,
    /// The issuer that its passes name.
    pub issuer: String,
    /// The draw whose places these are: its digest in hexadecimal digits, as passes have it.
    pub draw: String,
    /// The places whose sessions have ended, rising.
    pub places: Vec<u64>,
}
