//! Definitions on an edge's own disk.
//!
//! Guarantee: a file is the old text or the new one, whenever the power fails ([`replace_file`]). What cannot be read is told
//! and left as it is.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use fairgate_store::replace_file;

use super::record::{Kind, Record, TEXT_BYTES_MAX, is_name};

const KEPT: &str = "toml";
const GONE: &str = "gone";
/// The first line beside the text.
const HEAD_BYTES_MAX: u64 = 1_024;

/// Everything that is below a store's directory.
pub(super) fn read(store: &Path) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for kind in Kind::ALL {
        let files = match fs::read_dir(store.join(kind.dir())) {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::error!(path = %store.join(kind.dir()).display(), %error, "rooms cannot be read");
                continue;
            }
        };
        for file in files.flatten().map(|file| file.path()) {
            let Some(name) = file.file_stem().and_then(|name| name.to_str()).filter(|name| is_name(name)) else {
                continue;
            };
            if !file.extension().is_some_and(|end| end == KEPT || end == GONE) {
                continue;
            }
            match read_one(kind, name, &file) {
                // A power cut may have left both files of one room.
                Ok(record) => match records.iter_mut().find(|other| other.kind == kind && other.name == name) {
                    Some(other) if other.revision < record.revision => *other = record,
                    Some(_) => {}
                    None => records.push(record),
                },
                Err(error) => tracing::error!(path = %file.display(), %error, "a room cannot be read"),
            }
        }
    }
    records
}

fn read_one(kind: Kind, name: &str, file: &Path) -> io::Result<Record> {
    if fs::metadata(file)?.len() > TEXT_BYTES_MAX as u64 + HEAD_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("it has more than {TEXT_BYTES_MAX} bytes")));
    }
    let record = Record::parse(kind, name, &fs::read(file)?);
    record.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "it is not as it was written"))
}

/// Puts a definition in the place of the one that is there.
pub(super) fn write(store: &Path, record: &Record) -> io::Result<()> {
    let dir = store.join(record.kind.dir());
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let (end, other) = if record.is_gone { (GONE, KEPT) } else { (KEPT, GONE) };
    replace_file(&dir.join(format!("{}.{end}", record.name)), &record.bytes())?;
    match fs::remove_file(dir.join(format!("{}.{other}", record.name))) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: Kind, revision: u64, is_gone: bool) -> Record {
        let (name, who) = ("final".to_owned(), "maria".to_owned());
        Record { kind, name, revision, is_gone, at_ms: 5, who, text: "[[room]]\n".to_owned() }
    }

    #[test]
    fn what_was_written_last_is_read_and_what_is_no_room_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), []);
        for record in [record(Kind::Room, 1, false), record(Kind::Draft, 1, false), record(Kind::Room, 2, true)] {
            write(dir.path(), &record).unwrap();
        }
        let rooms = dir.path().join("rooms.d");
        assert_eq!(fs::read_dir(&rooms).unwrap().count(), 1, "one file a room");
        fs::write(rooms.join("Final.toml"), "x").unwrap();
        fs::write(rooms.join("other.toml"), "#: nonsense\n").unwrap();
        fs::write(rooms.join("final.toml"), record(Kind::Room, 1, false).bytes()).unwrap();
        let mut read = read(dir.path());
        read.sort_by_key(|record| record.kind);
        assert_eq!(read, [record(Kind::Room, 2, true), record(Kind::Draft, 1, false)]);
    }
}
