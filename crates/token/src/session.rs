//! Sessions: one place of one draw is one session, and its name follows from the two.

use std::fmt;

use ring::digest::{Context, SHA256};

const DOMAIN: &[u8] = b"fairgate/v1/session\0";

/// A session's name, the pass's `sub`: the first 16 bytes of `H(DST("fairgate/v1/session") ‖ D ‖ u64be(place))`.
///
/// The id is computed and not drawn. So a place that is admitted again after a lost store, or by two edges at once, is
/// still one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// The session of a place in the draw whose descriptor digest is `draw`.
    #[must_use]
    pub fn of(draw: &[u8; 32], place: u64) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(DOMAIN);
        hash.update(draw);
        hash.update(&place.to_be_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finish().as_ref()[..16]);
        Self(id)
    }

    /// The session's id as a number.
    #[inline]
    #[must_use]
    pub fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_from_draw_and_place() {
        // printf 'fairgate/v1/session\0' + 32 x 0x11 + u64be(7), SHA-256, first 16 bytes; computed with Python's hashlib.
        assert_eq!(SessionId::of(&[0x11; 32], 7).to_string(), VECTOR);
        assert_ne!(SessionId::of(&[0x11; 32], 7), SessionId::of(&[0x11; 32], 8));
        assert_ne!(SessionId::of(&[0x11; 32], 7), SessionId::of(&[0x12; 32], 7));
    }

    const VECTOR: &str = "e9d98fe25b7fa3f4b191f3cfc517e387";
}
