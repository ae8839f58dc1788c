//! Keys and certificates, as the files have them now.

pub(super) mod certificate;
pub(super) mod fingerprint;
pub(super) mod holder;
pub(super) mod keys;
pub(super) mod renewed_passes;
