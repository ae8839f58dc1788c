//! The rooms of the edge: the order that `src/edge/mod.rs` states, and what goes against it.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{Link, Source, Tree};

/// The rooms in the order in which the edge's documentation numbers them (``//! 1. [`http`]: …``).
pub(crate) fn order(documentation: &str) -> Vec<String> {
    let room = |line: &str| {
        let (number, rest) = line.strip_prefix("//! ")?.split_once(". [`")?;
        number.parse::<u32>().ok()?;
        Some(rest.split_once("`]")?.0.to_owned())
    };
    documentation.lines().filter_map(room).collect()
}

/// The room of a source of the edge: the folder, or the file where it stands alone.
fn room(source: &Source) -> Option<&str> {
    match &source.module[..] {
        [_, edge, room, ..] if edge == "edge" => Some(room),
        _ => None,
    }
}

/// All rooms that there are, but those of tests.
pub(crate) fn rooms(tree: &Tree) -> BTreeSet<String> {
    tree.sources().filter(|source| !source.is_test).filter_map(room).map(str::to_owned).collect()
}

/// Every line that names a later room, as a line for people.
pub(crate) fn against_the_order(tree: &Tree, order: &[String]) -> Vec<String> {
    let place = |room: &str| order.iter().position(|known| known == room);
    let is_against = |link: &Link<'_>| {
        let (from, to) = (room(link.from)?, link.to.and_then(room)?);
        let broken = !link.is_test && place(from)? < place(to)?;
        broken.then(|| {
            let (file, line) = (&link.from.file, link.line);
            format!(
                "{file}:{line}: `{from}` names `{to}` ({}). Rule: a room of the edge names only rooms before it (`src/edge/mod.rs`). \
                 Remedy: move the type to the earlier room, or hand the value or a function in.",
                link.path.join("::")
            )
        })
    };
    tree.links().filter_map(|link| is_against(&link)).collect()
}

/// Every line that goes by way of what the edge offers to others.
pub(crate) fn by_the_front_door(tree: &Tree) -> Vec<String> {
    let lines = tree.links().filter(|link| {
        room(link.from).is_some() && !link.is_test && link.to.is_some_and(|to| to.module[1..] == ["edge".to_owned()])
    });
    let told = |link: Link<'_>| {
        let (file, line, path) = (&link.from.file, link.line, link.path.join("::"));
        format!(
            "{file}:{line}: names `{path}`. Rule: what `src/edge/mod.rs` offers is for others than the edge. Remedy: name the room."
        )
    };
    lines.map(told).collect()
}

/// Files under a module that name each other, directly or by way of others; a folder's own `mod.rs` counts for none.
pub(crate) fn circles(tree: &Tree, under: &[&str]) -> Vec<Vec<String>> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let is_under =
        |source: &Source| source.module[1..].iter().zip(under).filter(|(own, name)| own == name).count() == under.len();
    for link in tree.links().filter(|link| !link.is_test && is_under(link.from)) {
        let Some(to) = link.to.filter(|to| is_under(to) && !link.from.module.starts_with(&to.module)) else { continue };
        names.entry(&link.from.file).or_default().insert(&to.file);
    }
    let mut circles: Vec<Vec<String>> = Vec::new();
    for file in names.keys() {
        let is_known = circles.iter().flatten().any(|known| known == file);
        let of_this = reached(&names, file);
        if is_known || !of_this.contains(file) {
            continue;
        }
        let circle = of_this.iter().filter(|other| reached(&names, other).contains(file));
        circles.push(circle.map(|file| (*file).to_owned()).collect());
    }
    circles
}

fn reached<'n>(names: &BTreeMap<&'n str, BTreeSet<&'n str>>, from: &str) -> BTreeSet<&'n str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        for next in names.get(file).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}
