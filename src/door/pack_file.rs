//! The file that a door is given.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fairgate_booking::tickets::{DoorPack, PublicKey, SignedPack};
use fairgate_store::replace_file;

/// A longer file is not read: a hall of 100,000 seats, and as many revoked tickets, have a tenth of it.
const PACK_BYTES_MAX: u64 = 64 << 20;

/// Why a door cannot use a pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not a pack, or not whole.
    #[error("{} is no pack for a door: {why}; make it again with `fairgate checkin pack`", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// Reads a pack that one of its own keys has signed; and that key.
///
/// # Errors
/// [`PackError`].
pub fn read_pack(path: &Path) -> Result<(DoorPack, PublicKey), PackError> {
    let unfit = |why: String| PackError::Unfit { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(PACK_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|source| PackError::Io { path: path.to_owned(), source })?;
    if bytes.len() as u64 > PACK_BYTES_MAX {
        return Err(unfit(format!("it is larger than {} MiB", PACK_BYTES_MAX >> 20)));
    }
    let signed: SignedPack = serde_json::from_slice(&bytes).map_err(|error| unfit(error.to_string()))?;
    signed.open().map_err(unfit)
}

/// Writes a pack, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_pack(path: &Path, pack: &SignedPack) -> Result<(), PackError> {
    let text = format!("{}\n", serde_json::json!(pack));
    replace_file(path, text.as_bytes()).map_err(|source| PackError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pack_is_refused_by_name() {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join("night.pack");
        let told = || read_pack(&path).unwrap_err().to_string();
        assert!(told().starts_with("cannot use "), "{}", told());
        for text in ["", "{}", "[]", r#"{"pack":"{}","key":1,"signature":"00"}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(told().contains("night.pack is no pack for a door: ") && told().contains("checkin pack"), "{text}");
        }
    }
}
