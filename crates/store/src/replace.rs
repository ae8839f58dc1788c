//! A file that is replaced as a whole.
//!
//! **Guarantees:** whoever reads the file sees the old one or the new one, whenever the power fails. The new one is on the
//! disk when [`replace_file`] returns, and only its owner may read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a file beside its place, under its name and `.draft`, and renames it.
///
/// # Errors
/// It cannot be written: the old one is still there.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.b");
        for bytes in ["a long first text", "second"] {
            replace_file(&path, bytes.as_bytes()).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes.as_bytes());
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        fs::create_dir(dir.path().join("c.draft")).unwrap();
        fs::write(dir.path().join("c"), "old").unwrap();
        assert!(replace_file(&dir.path().join("c"), b"new").is_err());
        assert_eq!(fs::read(dir.path().join("c")).unwrap(), b"old");
    }
}
