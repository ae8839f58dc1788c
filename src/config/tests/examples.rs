//! Every file in `config/` is right, and says of itself what its comments promise.

use std::fs;
use std::path::PathBuf;

use super::*;

fn examples() -> Vec<PathBuf> {
    let dir = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config")).expect("config/");
    let mut files: Vec<PathBuf> = dir.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn example(name: &str) -> Config {
    let file = examples().into_iter().find(|file| file.ends_with(name)).expect(name);
    parse(&fs::read_to_string(file).expect(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_example_is_right_and_nothing_in_it_is_odd() {
    let mut names = 0;
    for file in examples() {
        let config = parse(&fs::read_to_string(&file).expect("an example"));
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let warnings = config.warnings(0).into_iter().filter(|warning| warning.key != "admin.listen");
        assert_eq!(warnings.map(|warning| warning.to_string()).collect::<Vec<_>>(), [""; 0], "{}", file.display());
        names += 1;
    }
    assert!(names >= 4, "{names} examples");
}

#[test]
fn the_examples_of_entries_say_what_a_fan_will_meet() {
    assert_eq!(example("fairgate.toml").rooms[0].entry.told(), None);
    assert_eq!(
        example("entry-work.toml").rooms[0].entry.told().as_deref(),
        Some(
            "To enter, a fan lets the device solve a puzzle (2 tables). Whoever has 100 points of suspicion types a code that was \
             mailed when it is their turn."
        )
    );
    assert_eq!(
        example("entry-club.toml").rooms[0].entry.told().as_deref(),
        Some(
            "To enter, a fan shows a code or signs in at club. One person, as known by code or club, has one entry. An entry is \
             bound to a key of its browser; it may move to another device once."
        )
    );
}
