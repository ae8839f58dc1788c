//! One process at a time in a data directory.
//!
//! Guarantees:
//! - while a [`DirLock`] lives, no other process has one of the same directory
//! - the kernel gives it back when the process ends, however it ends

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Why a directory cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{} is in use by another fairgate (process {holder}): stop it, take over from it (--upgrade), or give this one a \
         directory of its own",
        dir.display()
    )]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process's id, as it wrote it down.
        holder: String,
    },
    /// The lock's file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The right to use a data directory.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock of a directory, which is made if it is missing.
    ///
    /// # Errors
    /// Another process has it, or its file cannot be read or written.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let path = dir.join("lock");
        Self::try_take(dir, &path).map_err(|source| LockError::Io { path, source })?.map_err(|holder| {
            let dir = dir.to_owned();
            LockError::InUse { dir, holder }
        })
    }

    /// The process that uses a directory, as it wrote it down; none where nobody does.
    ///
    /// # Errors
    /// The lock's file cannot be read or written.
    pub fn holder(dir: &Path) -> Result<Option<String>, LockError> {
        match Self::take(dir) {
            Ok(_) => Ok(None),
            Err(LockError::InUse { holder, .. }) => Ok(Some(holder)),
            Err(error) => Err(error),
        }
    }

    fn try_take(dir: &Path, path: &Path) -> io::Result<Result<Self, String>> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Ok(Err(holder.trim().to_owned()));
            }
            Err(errno) => return Err(errno.into()),
        }
        file.set_len(0).and_then(|()| file.rewind())?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Ok(Self { _file: file }))
    }
}
