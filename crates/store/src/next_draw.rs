//! The draw of a room's next sale, as it is kept beside the room: in a file of its own, or under a key of its own.
//!
//! Guarantees:
//! - it is on the disk, or in Redis, before anybody is shown what it commits to
//! - two edges that prepare one at the same time agree on one: what is kept is replaced only by whoever knows it
//!
//! `<dir>/<room>/next` is a head and one frame that are replaced as a whole (see [`framing`](crate::framing)). The draw's
//! secret is in there: the file is readable by its owner only.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use fairgate_core::room::PreparedDraw;

use crate::framing::{FILE_HEAD_BYTES, FileKind, FrameKind};
use crate::{Damage, StoreError, replace_file};

/// The file's name.
pub(crate) const NAME: &str = "next";
const FILE: FileKind = FileKind { magic: *b"fairnext", version: 1 };
/// The longest descriptor has 16 tiers and as many methods of identity.
const FRAME: FrameKind = FrameKind { magic: *b"FGN1", payload_min: 1, payload_max: 1 << 16 };

/// What is kept of the draw of a room's next sale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptNext {
    /// What the store has.
    pub kept: Option<PreparedDraw>,
    /// What this process has on its own disk of a store that others share: it can put it back.
    pub own: Option<PreparedDraw>,
}

/// Why bytes are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    Damaged(Damage),
    Version(u32),
}

/// A prepared draw as bytes.
pub(crate) fn to_bytes(next: &PreparedDraw) -> Result<Vec<u8>, StoreError> {
    let payload = postcard::to_allocvec(next).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let mut frame = FRAME.begin(payload.len());
    frame.extend_from_slice(&payload);
    FRAME.seal(&mut frame);
    Ok([&FILE.head()[..], &frame].concat())
}

/// Reads what [`to_bytes`] has written.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<PreparedDraw, Unread> {
    match FILE.version_of(bytes) {
        Some(version) if version != FILE.version => return Err(Unread::Version(version)),
        Some(_) => {}
        None => return Err(Unread::Damaged(Damage::Rotten)),
    }
    let payload = FRAME.payload(&bytes[FILE_HEAD_BYTES..]).ok_or(Unread::Damaged(Damage::Rotten))?;
    postcard::from_bytes(payload).map_err(|_| Unread::Damaged(Damage::Rotten))
}

/// Reads the file of a room; nothing where there is none. One that has rotted is kept aside, and told.
pub(crate) fn read(dir: &Path) -> Result<Option<PreparedDraw>, StoreError> {
    let path = path_in(dir);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|error| failed(&path, &error))?,
    };
    match from_bytes(&bytes) {
        Ok(next) => Ok(Some(next)),
        Err(Unread::Version(version)) => {
            Err(StoreError::Damaged(format!("{} is written in version {version}", path.display())))
        }
        Err(Unread::Damaged(_)) => {
            let aside = path.with_extension("rotten");
            fs::rename(&path, &aside).map_err(|error| failed(&path, &error))?;
            tracing::error!(kept = %aside.display(), "the draw of the next sale has rotted on the disk: another one is prepared");
            Ok(None)
        }
    }
}

/// Writes the file of a room.
pub(crate) fn write(dir: &Path, next: &PreparedDraw) -> Result<(), StoreError> {
    let path = path_in(dir);
    let made: io::Result<()> = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    let bytes = to_bytes(next)?;
    made.and_then(|()| replace_file(&path, &bytes)).map_err(|error| failed(&path, &error))
}

/// Replaces the file of a room by whoever knows it; answers what is kept then.
pub(crate) fn keep(dir: &Path, known: Option<&PreparedDraw>, next: PreparedDraw) -> Result<PreparedDraw, StoreError> {
    match read(dir)? {
        Some(kept) if Some(&kept) != known => Ok(kept),
        _ => write(dir, &next).map(|()| next),
    }
}

/// Looks at a file without touching it.
pub(crate) fn look(path: &Path) -> io::Result<Result<PreparedDraw, Unread>> {
    Ok(from_bytes(&fs::read(path)?))
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}
