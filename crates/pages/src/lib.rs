//! Scripts and style sheets of self-contained pages: ES modules are joined into one script without comments and empty space
//! (minification). What stands in such pages: text, [`escape`]d, and [QR codes](qr). And files for calendars ([`calendar`]).
//!
//! Guarantees:
//! - the joined script does what its modules do, given the forms that the sources keep to
//! - strings, templates and regular expressions stay to the byte
//!
//! Pure.

pub mod calendar;
mod html;
mod minify;
mod names;
pub mod qr;

pub use html::escape;

/// All modules as one script, without imports, exports, comments and empty space, and with short names.
#[must_use]
pub fn bundle(modules: &[&str]) -> String {
    names::shortened(&plain_bundle(modules))
}

/// The same with the names as they are.
#[must_use]
pub fn plain_bundle(modules: &[&str]) -> String {
    minify::script(&modules.iter().map(|module| joined(module)).collect::<String>())
}

/// A style sheet without comments and empty space.
#[must_use]
pub fn style(source: &str) -> String {
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
    use super::*;

    #[test]
    fn comments_and_indentation_go() {
        assert_eq!(without_comments("/* a */\n  b {\n\n    c: d; \n  }\n// e\n"), "b {\nc: d;\n}\n");
    }
}
