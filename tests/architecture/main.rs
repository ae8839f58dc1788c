//! The structure of the code: who may name whom. Read from the sources, so that a rule is broken by the line that breaks it.

mod rooms;
mod rules;
mod scan;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use self::rooms::{against_the_order, by_the_front_door, circles, order, rooms};
use self::rules::{NEVER, broken, has_part, out_of_order};
use self::tree::{Tree, entries};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn nobody_names_what_the_table_forbids() {
    assert_none(&broken(&Tree::read(root()), NEVER));
}

#[test]
fn every_rule_is_about_something_and_finds_what_breaks_it() {
    let (tree, lock) = (Tree::read(root()), read("Cargo.lock"));
    for rule in NEVER {
        for who in rule.who.iter().chain(rule.but) {
            assert!(has_part(&tree, who), "a rule is about `{who}`, which there is not");
        }
        for name in rule.names {
            let package = name.split("::").next().unwrap_or(name);
            let is_package = [package.to_owned(), package.replace('_', "-")]
                .iter()
                .any(|package| lock.contains(&format!("name = \"{package}\"\n")));
            let is_known = has_part(&tree, name) || is_package || name.starts_with("std::");
            assert!(is_known, "a rule forbids `{name}`, which there is not");
            let file = format!("{}/a.rs", rule.who[0].replace("::", "/"));
            let found = ["", "crate::"].map(|from| {
                let line = format!("\n\nuse {from}{name}::B;");
                broken(&Tree::of(&[("lib.rs", ""), (&file, &line)]), [rule])
            });
            let expected = format!("src/{file}:3: names `{name}`");
            assert!(found.concat().iter().any(|found| found.starts_with(&expected)), "{found:?}");
        }
    }
}

#[test]
fn crates_depend_only_on_those_before_them() {
    let manifest = |folder: &Path| {
        let name = folder.file_name()?.to_string_lossy().into_owned();
        Some((name, std::fs::read_to_string(folder.join("Cargo.toml")).ok()?))
    };
    let manifests: Vec<_> = entries(&root().join("crates")).iter().filter_map(|folder| manifest(folder)).collect();
    assert!(manifests.len() > 5, "{manifests:?}");
    assert_none(&out_of_order(&manifests));
    let told = |name: &str, dependency: &str| {
        let manifest = format!(
            "[package]\nname = \"x\"\n\n[dependencies]\n{dependency}\n\n[dev-dependencies]\nfairgate-testkit = \"1\"\n"
        );
        out_of_order(&[(name.to_owned(), manifest)])
    };
    assert_eq!(told("store", "fairgate-core.workspace = true"), Vec::<String>::new());
    let found = told("core", "fairgate-store = { path = \"../store\" }");
    assert!(
        found.len() == 1 && found[0].starts_with("crates/core/Cargo.toml: depends on `fairgate-store`"),
        "{found:?}"
    );
    assert_eq!(told("another", "").len(), 1);
}

#[test]
fn rooms_of_the_edge_name_only_those_before_them() {
    let (tree, order) = (Tree::read(root()), order(&read("src/edge/mod.rs")));
    assert_eq!(
        order.iter().cloned().collect::<BTreeSet<_>>(),
        rooms(&tree),
        "the rooms that `src/edge/mod.rs` numbers"
    );
    assert_none(&against_the_order(&tree, &order));
    assert_none(&by_the_front_door(&tree));
}

#[test]
fn no_files_of_the_edge_name_each_other_in_a_circle() {
    let circles = circles(&Tree::read(root()), &["edge"]);
    let told = circles.iter().map(|files| {
        let remedy = "Remedy: move what both need into a file of its own, or hand it in";
        format!("these name each other in a circle: {}. {remedy}.", files.join(", "))
    });
    assert_none(&told.collect::<Vec<_>>());
}

#[test]
fn a_line_against_the_order_and_a_circle_are_found() {
    let tree = Tree::of(&[
        ("lib.rs", ""),
        ("edge/mod.rs", "pub use low::A;"),
        ("edge/low/mod.rs", ""),
        ("edge/low/a.rs", "use super::b::B;\n#[cfg(test)]\nuse crate::edge::high::C;"),
        ("edge/low/b.rs", "fn b() {\n    crate::edge::high::c();\n}"),
        ("edge/high.rs", "use super::low::{a::A, b::B};\nuse crate::edge::A as Offered;"),
    ]);
    let order = order("//! 1. [`low`]: first\n//!\n//! 2. [`high`]: second");
    assert_eq!(order, ["low", "high"]);
    let found = against_the_order(&tree, &order);
    assert!(found.len() == 1 && found[0].starts_with("src/edge/low/b.rs:2: `low` names `high`"), "{found:?}");
    let found = by_the_front_door(&tree);
    assert!(found.len() == 1 && found[0].starts_with("src/edge/high.rs:2: names `fairgate::edge::A`"), "{found:?}");
    assert_eq!(circles(&tree, &["edge"]), [["src/edge/high.rs", "src/edge/low/a.rs", "src/edge/low/b.rs"]]);
}
