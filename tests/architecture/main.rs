//! The structure of the code: who may name whom. Read from the sources, so that a rule is broken by the line that breaks it.

mod rules;
mod scan;
mod tree;

use std::path::Path;

use self::rules::{NEVER, broken, has_part};
use self::tree::Tree;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn nobody_names_what_the_table_forbids() {
    let broken = broken(&Tree::read(root()), NEVER);
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_rule_is_about_something_and_finds_what_breaks_it() {
    let tree = Tree::read(root());
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    for rule in NEVER {
        for who in rule.who.iter().chain(rule.but) {
            assert!(has_part(&tree, who), "a rule is about `{who}`, which there is not");
        }
        for name in rule.names {
            let package = name.split("::").next().unwrap_or(name).replace('_', "-");
            let is_package = |name: &str| lock.contains(&format!("name = \"{name}\"\n"));
            let is_known = has_part(&tree, name) || is_package(&package) || is_package(&package.replace('-', "_"));
            assert!(is_known || name.starts_with("std::"), "a rule forbids `{name}`, which there is not");
            let (file, line) = (format!("{}/a.rs", rule.who[0].replace("::", "/")), format!("\n\nuse {name}::B;"));
            let fixture = Tree::of(&[("lib.rs", ""), (&file, &line.replace("use ", "use crate::")), ("c.rs", "")]);
            let foreign = Tree::of(&[("lib.rs", ""), (&file, &line)]);
            let found = [broken(&fixture, [rule]), broken(&foreign, [rule])].concat();
            assert!(found.iter().any(|found| found.starts_with(&format!("src/{file}:3: names `{name}`"))), "{found:?}");
        }
    }
}
