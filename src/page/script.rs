//! A page's script: ES modules that node can test one by one, joined into the one that the document carries.

use super::{minify, names};

/// The waiting page's modules, in the order of their imports: each uses only what stands before it.
pub(super) const WAITING: &[&str] = &[
    include_str!("../../pages/waiting/config.js"),
    include_str!("../../pages/waiting/evidence.js"),
    include_str!("../../pages/waiting/place.js"),
    include_str!("../../pages/waiting/pace.js"),
    include_str!("../../pages/waiting/words.js"),
    include_str!("../../pages/waiting/screens.js"),
    include_str!("../../pages/waiting/kept.js"),
    include_str!("../../pages/waiting/wire.js"),
    include_str!("../../pages/waiting/show.js"),
    include_str!("../../pages/waiting/page.js"),
];

/// The modules of the page that checks a draw.
pub(super) const CHECK: &[&str] = &[
    include_str!("../../pages/waiting/sha256.js"),
    include_str!("../../pages/waiting/evidence.js"),
    include_str!("../../pages/waiting/place.js"),
    include_str!("../../pages/waiting/draw.js"),
    include_str!("../../pages/check/qr.js"),
    include_str!("../../pages/check/steps.js"),
    include_str!("../../pages/check/check.js"),
];

/// All modules as one script, without imports, exports, comments and empty space, and with short names.
pub(super) fn bundle(modules: &[&str]) -> String {
    names::shortened(&plain_bundle(modules))
}

/// The same with the names as they are.
pub(crate) fn plain_bundle(modules: &[&str]) -> String {
    minify::script(&modules.iter().map(|module| joined(module)).collect::<String>())
}

/// A style sheet without comments and empty space.
pub(super) fn style(source: &str) -> String {
    minify::style(&without_comments(source))
}

/// One module, so that it can stand in a row with the others: in one scope no name needs importing.
fn joined(module: &str) -> String {
    let lines = without_comments(module);
    let lines = lines.lines().filter(|line| !line.starts_with("import "));
    lines.map(|line| format!("{}\n", line.strip_prefix("export ").unwrap_or(line))).collect()
}

/// Drops indentation, empty lines and whole-line comments (`// …` and `/* … */` on one line). Sources keep to these
/// forms: no comment behind code, no statement that needs its indentation.
fn without_comments(source: &str) -> String {
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !(line.is_empty() || line.starts_with("//") || is_block_comment(line)));
    lines.map(|line| format!("{line}\n")).collect()
}

fn is_block_comment(line: &str) -> bool {
    line.starts_with("/*") && line.ends_with("*/")
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Names that two modules share, and whatever else is no script, are seen by whoever runs scripts.
    #[test]
    fn each_bundle_is_a_script_that_node_accepts() {
        for modules in [WAITING, CHECK] {
            let file = tempfile::Builder::new().suffix(".mjs").tempfile().expect("a file");
            std::fs::write(file.path(), bundle(modules)).expect("the bundle is written");
            let node = Command::new("node").arg("--check").arg(file.path()).stdout(Stdio::null()).output();
            let node = node.expect("node runs: make setup installs it");
            assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
        }
    }

    #[test]
    fn each_bundle_is_one_script() {
        for modules in [WAITING, CHECK] {
            let bundle = bundle(modules);
            assert!(!bundle.contains("\nimport ") && !bundle.contains("\nexport "), "modules are joined");
            assert!(!bundle.contains("</script"), "nothing ends the element early");
            assert!(!bundle.lines().any(|line| line.starts_with("//")), "comments stay in the sources");
        }
    }

    #[test]
    fn comments_and_indentation_go() {
        assert_eq!(without_comments("/* a */\n  b {\n\n    c: d; \n  }\n// e\n"), "b {\nc: d;\n}\n");
    }
}
