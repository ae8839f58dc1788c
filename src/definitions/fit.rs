//! Which of the published rooms an edge can serve together with those of its file. Pure.
//!
//! Guarantee: the answer depends on the file and the rooms alone, so edges with one file serve the same rooms.

use std::collections::BTreeMap;
use std::path::Path;

use super::record::Record;
use crate::config::{Config, ConfigError, RoomText};

/// What an edge serves.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The file with the rooms that fit it and each other.
    pub config: Config,
    /// The revisions of these rooms, by name.
    pub revisions: BTreeMap<String, u64>,
    /// Those that do not.
    pub left_out: Vec<LeftOut>,
}

/// A room that is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The room.
    pub room: String,
    /// Why.
    pub why: String,
}

pub(super) fn text(record: &Record) -> RoomText<'_> {
    RoomText { name: &record.name, revision: record.revision, text: &record.text }
}

/// Puts rooms beside a file, those that were published first before others; `own` is the file by itself.
pub(super) fn fit(file: &str, path: &Path, own: &Config, rooms: &[Record]) -> Fit {
    let mut rooms: Vec<&Record> = rooms.iter().collect();
    rooms.sort_by(|one, other| (one.at_ms, &one.name).cmp(&(other.at_ms, &other.name)));
    let (mut config, mut fitting, mut left_out) = (own.clone(), Vec::new(), Vec::new());
    let read = |rooms: &[RoomText<'_>]| Config::parse_beside(file, path, rooms);
    let all: Vec<_> = rooms.iter().map(|room| text(room)).collect();
    match read(&all) {
        Ok(all) => (config, fitting) = (all, rooms),
        // One after another, so that one that does not fit keeps no other from it.
        Err(_) => {
            for room in rooms {
                let mut tried: Vec<_> = fitting.iter().map(|room: &&Record| text(room)).collect();
                tried.push(text(room));
                match read(&tried) {
                    Ok(with) => {
                        config = with;
                        fitting.push(room);
                    }
                    Err(wrong) => left_out.push(left(room, &wrong)),
                }
            }
        }
    }
    let revisions = fitting.into_iter().map(|room| (room.name.clone(), room.revision)).collect();
    Fit { config, revisions, left_out }
}

fn left(room: &Record, wrong: &ConfigError) -> LeftOut {
    LeftOut { room: room.name.clone(), why: wrong.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::record::Kind;
    use super::*;

    const FILE: &str = "[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n";

    fn room(name: &str, host: &str, at_ms: u64) -> Record {
        let text = format!(
            "[[room]]\nname = {name:?}\nupstream = \"shop\"\nhosts = [{host:?}]\nopens_at = \"2026-12-01T09:00Z\"\n\
             starts_at = \"2026-12-01T10:00Z\"\nadmission.rate_per_minute = 60\n"
        );
        Record { kind: Kind::Room, name: name.into(), revision: 2, is_gone: false, at_ms, who: String::new(), text }
    }

    #[test]
    fn the_room_that_was_published_first_is_served_and_others_do_not_suffer() {
        let path = Path::new("fairgate.toml");
        let own = Config::parse(FILE, path).unwrap();
        let rooms = [room("late", "a.example", 9), room("early", "a.example", 5), room("apart", "b.example", 10)];
        let served = fit(FILE, path, &own, &rooms);
        let names: Vec<_> = served.config.rooms.iter().map(|room| &*room.name).collect();
        assert_eq!(names, ["early", "apart"]);
        assert_eq!(
            served.revisions.into_iter().collect::<Vec<_>>(),
            [("apart".to_owned(), 2), ("early".to_owned(), 2)]
        );
        assert!(served.left_out.len() == 1 && served.left_out[0].room == "late", "{:?}", served.left_out);
        assert!(served.left_out[0].why.contains("overlaps"), "{}", served.left_out[0].why);
        let all = fit(FILE, path, &own, &rooms[1..]);
        assert!(all.left_out.is_empty() && all.config.rooms.len() == 2);
    }
}
