//! The published values that the test vectors of several files share.

use crate::keys::Key;

/// D, the digest of the draw's descriptor.
pub(crate) const DRAW: &str = "22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6";

/// v, the nonce of the join: of u = sixteen zero bytes.
pub(crate) const NONCE: &str = "1ffc5f7020b9273e35debe630341c9bc";

/// e, the epoch.
pub(crate) const EPOCH: u32 = 29_409_690;

/// The draw's digest as bytes.
pub(crate) fn draw() -> [u8; 32] {
    bytes(DRAW)
}

/// The join's nonce as bytes.
pub(crate) fn nonce() -> [u8; 16] {
    bytes(NONCE)
}

/// A derived key of one byte repeated.
pub(crate) fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

/// An array from its hex text.
pub(crate) fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).expect("hex").try_into().expect("as many bytes")
}
