//! Keys and certificates, as the files have them now.

pub(super) mod certificate;
pub(super) mod keys;
