//! The order of the rooms: each names only those above it.

use std::fs;
use std::path::{Path, PathBuf};

/// From the leaves to the process; rooms on one line may name each other.
const ROOMS: [&[&str]; 16] = [
    &["units", "money", "number", "mail_address", "document", "stock", "in_progress"],
    &["metrics", "sql", "db"],
    &["passes", "ended", "traces"],
    &["upkeep"],
    &["events"],
    &["tickets"],
    &["sale"],
    &["payment"],
    &["bookings"],
    &["outbox"],
    &["reminders"],
    &["accounts"],
    &["insight"],
    &["search"],
    &["health", "operators", "http"],
    &["server"],
];
/// What the rooms' paths begin with.
const ROOT: &str = "crate::";

fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).expect("the sources are here") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn position(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn each_room_names_only_those_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut named) = (Vec::new(), 0);
    files(&root, &mut found);
    for path in found {
        let inside = path.strip_prefix(&root).expect("it is below").with_extension("");
        let room = inside.iter().next().and_then(|room| room.to_str()).expect("a room");
        let Some(own) = position(room) else {
            assert!(["mod", "lib", "rooms_test"].contains(&room), "{room} has no place in the order");
            continue;
        };
        let source = fs::read_to_string(&path).expect("it is text");
        for path_named in source.split(ROOT).skip(1) {
            let other: String = path_named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let Some(other_position) = position(&other) else { continue };
            named += 1;
            assert!(other_position <= own, "{} names {other}, which stands below it", inside.display());
        }
    }
    assert!(named > 100, "only {named} names were found: the sources are read wrongly");
}
