//! Rooms that stand in texts of their own beside the file: each is read by itself, and then all of them with the file, as one
//! file would be.
//!
//! Guarantees:
//! - what fits so fits as one file, too: `fairgate config check` accepts the file with the texts behind it
//! - such a text says nothing but one room, and nothing that leads to files, variables or servers that whoever runs the edge
//!   has not named

use std::path::{Path, PathBuf};

use super::problem::Problems;
use super::reader::{Document, Section};
use super::{Config, ConfigError, Origin, RoomConfig};

/// A room in a text of its own.
#[derive(Clone, Copy, Debug)]
pub struct RoomText<'t> {
    /// The name under which it is kept, which is the room's.
    pub name: &'t str,
    /// Its revision: rooms follow no older one than they have followed.
    pub revision: u64,
    /// One `[[room]]`.
    pub text: &'t str,
}

/// Keys of a room that only the file may have: who may write rooms need not be who runs the edge.
const OF_THE_FILE: [(&[&str], &str); 12] = [
    (&["page", "template"], "names a file of the edge's machine"),
    (&["page", "public_page"], "names a file of the edge's machine"),
    (&["page", "logo"], "names a file of the edge's machine"),
    (&["page", "picture"], "names a file of the edge's machine"),
    (&["entry", "networks"], "names a file of the edge's machine"),
    (&["entry", "identity_key_env"], "names a variable of the edge's environment"),
    (&["entry", "provider"], "names a server and a variable that holds a secret"),
    (&["entry", "private_token"], "names a server or a file"),
    (&["entry", "shop"], "names a server, a file, or a variable that holds a secret"),
    (&["entry", "oidc"], "names a server and a variable that holds a secret"),
    (&["entry", "mail"], "names a server, to which mails are given"),
    (&["draw", "relays"], "names servers that the edge asks"),
];

impl RoomText<'_> {
    /// What messages call the text.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        format!("{}.toml", self.name).into()
    }

    /// What is wrong with the text by itself.
    fn check(&self) -> Result<(), ConfigError> {
        let file = self.file();
        let problems = Problems::new(&file, self.text);
        let read = Document::parse(self.text, &problems).and_then(|document| {
            document.root(|root| {
                let rooms = root.sections("room", |section| {
                    OF_THE_FILE.iter().for_each(|(path, why)| {
                        let remedy = "leave it out, or write the room into the edge's own file";
                        section.refuse(path, &format!("{why}, which a room beside the file may not"), remedy);
                    });
                    RoomConfig::read(section).filter(|room| self.check_name(section, room))
                })?;
                let remedy = "write one [[room]]: each room is a text of its own";
                root.check(rooms.len() == 1, "room", format!("stands here {} times", rooms.len()), remedy);
                Some(())
            })
        });
        problems.into_result(read)
    }

    fn check_name(&self, section: &Section<'_>, room: &RoomConfig) -> bool {
        let fits = room.name == self.name;
        let what = format!("is {:?}, and the room is kept as {:?}", room.name, self.name);
        section.check(fits, "name", what, format!("write name = {:?}, or make another room", self.name));
        fits
    }
}

impl Config {
    /// Reads a file's text together with the texts of rooms beside it. The files that it names are not looked at; `path` is
    /// what messages call the file, and a room's text is called by its name.
    ///
    /// # Errors
    /// Everything that is wrong with the texts by themselves, or else with all of them together.
    pub fn parse_beside(file: &str, path: &Path, rooms: &[RoomText<'_>]) -> Result<Self, ConfigError> {
        let wrong: Vec<_> =
            rooms.iter().filter_map(|room| room.check().err()).flat_map(|wrong| wrong.problems).collect();
        if !wrong.is_empty() {
            return Err(ConfigError { problems: wrong });
        }
        let (text, begins) = joined(file, rooms);
        let mut config = Self::parse(&text, path).map_err(|mut wrong| {
            for problem in &mut wrong.problems {
                let of_room = begins.iter().zip(rooms).rev().find(|(begin, _)| problem.line > **begin);
                if let Some((begin, room)) = of_room {
                    (problem.file, problem.line) = (room.file(), problem.line - begin);
                }
            }
            wrong
        })?;
        let own = config.rooms.len().saturating_sub(rooms.len());
        for (config, room) in config.rooms[own..].iter_mut().zip(rooms) {
            config.origin = Origin { file: room.file(), version: room.revision };
        }
        Ok(config)
    }
}

/// The file with the rooms behind it, as one file that `fairgate config check` accepts where [`Config::parse_beside`] does. Its
/// `config_version` is at least the rooms' revisions, so that rooms follow it.
#[must_use]
pub fn as_one_file(file: &str, version: u64, rooms: &[RoomText<'_>]) -> String {
    let newest = rooms.iter().map(|room| room.revision).max().unwrap_or(0);
    let file = if newest > version { with_version(file, newest) } else { file.to_owned() };
    joined(&file, rooms).0
}

/// The texts one behind another, and how many lines stand before each room's.
fn joined(file: &str, rooms: &[RoomText<'_>]) -> (String, Vec<usize>) {
    let (mut text, mut begins) = (file.to_owned(), Vec::with_capacity(rooms.len()));
    for room in rooms {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        begins.push(text.bytes().filter(|byte| *byte == b'\n').count());
        text.push_str(room.text);
    }
    (text, begins)
}

/// The file with another `config_version`, which stands before the first table.
fn with_version(file: &str, version: u64) -> String {
    let is_version = |line: &str| {
        line.trim_start().strip_prefix("config_version").is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let head = file.lines().take_while(|line| !line.trim_start().starts_with('['));
    let written = format!("config_version = {version}");
    if !head.clone().any(is_version) {
        return format!("{written}\n{file}");
    }
    let (head_lines, mut text) = (head.count(), String::with_capacity(file.len()));
    for (number, line) in file.lines().enumerate() {
        text.push_str(if number < head_lines && is_version(line) { &written } else { line });
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "config_version = 7\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n\n[[room]]\n\
        name = \"old\"\nupstream = \"shop\"\nhosts = [\"old.example\"]\nopens_at = \"2026-12-01T09:00:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\nadmission.rate_per_minute = 60";
    const ROOM: &str = "# The final.\n[[room]]\nname = \"final\"\nupstream = \"shop\"\nhosts = [\"final.example\"]\nopens_at = \"2026-12-02T09:00:00Z\"\nstarts_at = \"2026-12-02T10:00:00Z\"\n\n\
        [room.admission]\nrate_per_minute = 600\n";

    fn read(text: &str) -> Result<Config, ConfigError> {
        Config::parse_beside(FILE, Path::new("fairgate.toml"), &[RoomText { name: "final", revision: 9, text }])
    }

    fn told(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_room_beside_the_file_is_one_of_its_rooms_and_follows_its_own_revision() {
        let config = read(ROOM).unwrap();
        let rooms: Vec<_> = config.rooms.iter().map(|room| (&*room.name, room.origin.version)).collect();
        assert_eq!(rooms, [("old", 7), ("final", 9)]);
        assert_eq!(config.rooms[1].origin.file, Path::new("final.toml"));
    }

    #[test]
    fn mistakes_are_told_with_the_texts_own_lines() {
        let overlap = told(&ROOM.replace("final.example", "old.example"));
        assert!(overlap.starts_with("final.toml:2: room[final].paths: \"/\" overlaps"), "{overlap}");
        let shop = told(&ROOM.replace("\"shop\"", "\"shed\""));
        assert!(shop.starts_with("final.toml:4: room[final].upstream: there is no upstream named \"shed\""), "{shop}");
        let typo = told(&ROOM.replace("rate_per_minute", "rate_per_minut"));
        assert!(typo.contains("final.toml:10: room[final].admission.rate_per_minut:"), "{typo}");
        let name = told(&ROOM.replace("name = \"final\"", "name = \"cup\""));
        assert!(name.contains("final.toml:3: room[cup].name: is \"cup\", and the room is kept as \"final\""), "{name}");
    }

    #[test]
    fn a_text_says_one_room_and_nothing_that_is_the_files() {
        let more = told(&format!("{ROOM}[[upstream]]\nname = \"mine\"\naddress = \"10.0.0.1:80\"\n"));
        assert!(more.contains("upstream: is not a key of this table"), "{more}");
        for (lines, key) in [
            ("[room.page]\ntemplate = \"/etc/passwd\"\n", "room[final].page.template"),
            ("[room.page]\npublic_page = \"/etc/passwd\"\n", "room[final].page.public_page"),
            ("[[room.entry.oidc]]\nname = \"x\"\n", "room[final].entry.oidc"),
            ("[room.draw]\nrelays = [\"http://10.0.0.1\"]\n", "room[final].draw.relays"),
        ] {
            let told = told(&format!("{ROOM}{lines}"));
            assert!(told.contains(key), "{told}");
        }
        assert!(told(&format!("{ROOM}{ROOM}")).contains("room: stands here 2 times"));
        assert!(told("").contains("room: stands here 0 times"));
    }

    #[test]
    fn as_one_file_it_is_read_alike_and_the_rooms_follow_it() {
        let rooms = [RoomText { name: "final", revision: 9, text: ROOM }];
        for file in [FILE.to_owned(), FILE.replacen("config_version = 7\n", "", 1)] {
            let one = as_one_file(&file, 7, &rooms);
            let config = Config::parse(&one, Path::new("one.toml")).unwrap_or_else(|error| panic!("{error}\n{one}"));
            assert!(config.rooms.len() == 2 && config.rooms[1].origin.version == 9, "{one}");
        }
        assert!(as_one_file(FILE, 12, &rooms).starts_with("config_version = 7\n"), "it is newer already");
    }
}
