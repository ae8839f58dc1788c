//! SHA-256 over joined parts, and the protocol's domain separation.

use ring::digest::{Context, SHA256};

/// A SHA-256 hash, or anything else of 32 bytes that the protocol treats alike.
pub type Hash = [u8; 32];

/// 32 zero bytes: the tag of an entry without identity, the randomness of a draw without a beacon.
pub const ZERO: Hash = [0; 32];

/// `H(DST(domain) ‖ part ‖ part …)`, where `DST` ends the domain's ASCII bytes with one zero byte. Every hash of the
/// protocol, and of what stands on it, is made so: none of one domain is one of another.
#[must_use]
pub fn tagged(domain: &str, parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(domain.as_bytes());
    context.update(&[0]);
    for part in parts {
        context.update(part);
    }
    finish(context)
}

/// The RFC 6962 hash of a leaf of fixed length: an entry, an identity tag. `N` is at most 64.
pub(crate) fn leaf<const N: usize>(entry: &[u8; N]) -> Hash {
    let mut message = [0; 65];
    message[1..=N].copy_from_slice(entry);
    plain(&message[..=N])
}

/// The RFC 6962 hash of a leaf of any length.
pub(crate) fn leaf_of(bytes: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(bytes);
    finish(context)
}

/// The RFC 6962 hash of an inner node.
pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    let mut message = [1; 65];
    message[1..33].copy_from_slice(left);
    message[33..].copy_from_slice(right);
    plain(&message)
}

/// SHA-256 of one message.
pub(crate) fn plain(message: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(message);
    finish(context)
}

fn finish(context: Context) -> Hash {
    let mut hash = ZERO;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
