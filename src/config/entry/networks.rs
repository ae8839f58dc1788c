//! `networks`: the file with an organizer's table of networks.
//!
//! Guarantee: a file that cannot be read, or has a mistake, is told with its line before an edge starts with it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use fairgate_entry::heat::NetworkTable;

use crate::config::reader::Section;

/// A longer file is not read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Reads the key `networks`, and the file that it names.
pub(super) fn read(section: &Section<'_>) -> Option<PathBuf> {
    let file: PathBuf = section.get("networks")?;
    if let Err(reason) = read_networks(&file) {
        section.problem("networks", reason, "put it right, or leave the key out");
    }
    Some(file)
}

/// Reads a table of networks.
///
/// # Errors
/// The file, the line, and what is wrong there.
pub(crate) fn read_networks(file: &Path) -> Result<NetworkTable, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    let mut text = String::new();
    let bytes = File::open(file).and_then(|open| open.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    if bytes.map_err(failed)? as u64 > FILE_BYTES_MAX {
        return Err(format!("{} has more than {FILE_BYTES_MAX} bytes; leave the smaller networks out", file.display()));
    }
    NetworkTable::read(&text).map_err(|error| format!("{}, {error}", file.display()))
}
