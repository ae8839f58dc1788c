//! `stored-data.md` lists what the program stores: every table, key and cookie that the code names is in it.

use std::collections::BTreeSet;
use std::fs;

use fairgate_token::Cookie;

use crate::{read, repository};

const DOCUMENT: &str = "docs/operations/stored-data.md";

#[track_caller]
fn assert_listed(what: &str, names: &BTreeSet<String>) {
    let text = read(DOCUMENT);
    let missing: Vec<&String> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(!names.is_empty() && missing.is_empty(), "{DOCUMENT} does not list {what} {missing:?}");
}

/// The word after each of these in a text.
fn words_after(text: &str, before: &str, is_of_word: fn(char) -> bool) -> BTreeSet<String> {
    let words = text.match_indices(before).map(|(at, before)| &text[at + before.len()..]);
    words.map(|rest| rest.split(|sign| !is_of_word(sign)).next().unwrap_or_default().to_owned()).collect()
}

/// The texts of all files of one kind in directories of this name, wherever these are.
fn texts(dir: &str, ending: &str) -> String {
    let mut text = String::new();
    let mut dirs = vec![repository()];
    while let Some(within) = dirs.pop() {
        for entry in fs::read_dir(&within).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && !matches!(entry.file_name().to_str(), Some("target" | ".git" | "tests")) {
                dirs.push(path);
            } else if path.components().any(|part| part.as_os_str() == dir)
                && path.extension().is_some_and(|end| end == ending)
            {
                text.push_str(&fs::read_to_string(path).unwrap());
                text.push('\n');
            }
        }
    }
    text
}

#[test]
fn every_table_is_listed() {
    let sql = texts("migrations", "sql").to_lowercase();
    let is_of_name = |sign: char| sign.is_ascii_lowercase() || sign == '_';
    let mut tables = words_after(&sql, "create table ", is_of_name);
    tables.extend(words_after(&sql, "create view ", is_of_name));
    for (old, new) in sql.lines().filter_map(|line| line.strip_prefix("alter table ")?.split_once(" rename to ")) {
        assert!(tables.remove(old), "{old} is renamed, and was never made");
        tables.insert(new.trim_end_matches(';').to_owned());
    }
    assert_listed("tables", &tables);
}

#[test]
fn every_kind_of_key_in_redis_is_listed() {
    // `lua/room/state.lua` names the keys of a room in its head, and the scripts make them with `sub`.
    let scripts = texts("lua", "lua");
    let made = words_after(&scripts, "sub('", |sign| sign.is_ascii_lowercase() || sign == '_');
    let text = read(DOCUMENT);
    let missing: Vec<&String> = made.iter().filter(|kind| !text.contains(&format!(":N:{kind}"))).collect();
    assert!(made.len() > 8 && missing.is_empty(), "{DOCUMENT} does not list keys {missing:?}");
    // Those of a draw's book are made with `name`.
    let of_book = words_after(&scripts, "name('", |sign| sign.is_ascii_lowercase() || sign == '_');
    let missing: Vec<&String> =
        of_book.iter().filter(|kind| !text.contains(&format!(":{kind}")) || !text.contains(":book:DRAW")).collect();
    assert!(of_book.len() > 6 && missing.is_empty(), "{DOCUMENT} does not list keys {missing:?}");
}

#[test]
fn every_cookie_and_every_place_in_a_browsers_storage_is_listed() {
    let cookies = [
        Cookie::ticket("ROOM", false),
        Cookie::pass("ROOM", false),
        Cookie::me("ROOM", false),
        Cookie::mail("ROOM", false),
        Cookie::wait("ROOM", false),
    ];
    assert_listed("cookies", &cookies.iter().map(|cookie| cookie.name().to_owned()).collect());

    // Whatever a page keeps goes through these.
    let pages = texts("pages", "js");
    for api in ["document.cookie", "caches.open", "cookieStore"] {
        assert!(!pages.contains(api), "pages use {api}: list it in {DOCUMENT}");
    }
    let databases = pages.matches("indexedDB.").count();
    assert_eq!(databases, 1, "the keys of bound places are in one; list others in {DOCUMENT}");
    let stores = pages.matches(".setItem(").count();
    assert_eq!(
        stores, 3,
        "`keep` of the waiting page, `keep.js` and `putAside` of the shop store things; list others in {DOCUMENT}"
    );
    let kept = words_after(&pages, "keep(", |sign| sign.is_ascii_alphanumeric() || sign == '_');
    let known = ["ENTERED", "MINE", "SHARED", "WITNESSES", "key"].map(str::to_owned);
    assert_eq!(kept, known.into(), "what `keep` is called with; list others in {DOCUMENT}");
}

#[test]
fn every_file_of_a_store_is_listed() {
    let sources = crate::source::sources();
    let of_stores = sources.iter().filter(|source| source.path.contains("store") || source.path.contains("edge"));
    let mut names = BTreeSet::new();
    for source in of_stores {
        for (_, text) in crate::source::strings(&source.text) {
            let is_file =
                [".claims", ".entries", ".history", ".journal", ".jsonl", ".ledger", ".lock", ".roster", ".sock"]
                    .iter()
                    .any(|end| text.ends_with(end) && !text.contains(' '));
            names.extend(is_file.then(|| text.rsplit_once('.').map(|(_, end)| format!(".{end}"))).flatten());
        }
    }
    let text = read(DOCUMENT);
    let missing: Vec<&String> = names.iter().filter(|end| !text.contains(end.as_str())).collect();
    assert!(names.len() >= 5 && missing.is_empty(), "{DOCUMENT} does not list files {missing:?}");
}
