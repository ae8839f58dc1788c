//! Keys, certificates and passes, as they are at the moment.

pub(super) mod certificate;
pub(super) mod fingerprint;
pub(super) mod holder;
pub(super) mod keys;
pub(super) mod renewed_passes;
pub(super) mod several;
