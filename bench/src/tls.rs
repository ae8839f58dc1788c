//! A certificate for localhost that ours and the reference both show.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The name of the file with the certificate.
pub(crate) const CHAIN: &str = "chain.pem";

/// The files of a certificate and its key (ECDSA P-256, what most sites have).
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    pub(crate) fn make(dir: &Path) -> anyhow::Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let (chain, key) = (dir.join(CHAIN), dir.join("key.pem"));
        std::fs::write(&chain, made.cert.pem()).context("cannot write a certificate")?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        Ok(Self { chain, key })
    }
}
