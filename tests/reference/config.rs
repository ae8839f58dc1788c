//! `config.md`: every key that the reader asks for, with what `config/fairgate.toml` says of it.

use std::fmt::Write;
use std::path::Path;

use fairgate::config::{Config, Key};
use toml::{Table, Value};

use crate::{GENERATED, read};

const HEAD: &str = "\
`fairgate edge --config FILE` reads one TOML file. `fairgate config check FILE` reports every
mistake in it, with file, line, key and remedy.
[`config/fairgate.toml`](../../config/fairgate.toml) is an annotated file to start from, and
[`config/fleet.toml`](../../config/fleet.toml) one for several edges on a Redis.

- A key that is not listed here is a mistake, so that no typing error goes unnoticed.
- A *span of time* has a unit: `\"500ms\"`, `\"10s\"`, `\"5m\"`, `\"1h 30m\"`.
- A *time* is RFC 3339 (`\"2026-12-01T10:00:00Z\"`), or local with a zone
  (`\"2026-12-01T10:00[Europe/Lisbon]\"`).
- A *path* is relative to the directory in which fairgate runs.
- An *example* stands where there is no default: without the key, what it describes is off.

Secrets never stand in the file. They are environment variables: the admin tokens
(`FAIRGATE_ADMIN_TOKEN`, or as `admin.tokens` names them), `FAIRGATE_REDIS_USER` and
`FAIRGATE_REDIS_PASSWORD`, what `[room.entry]` names, `FAIRGATE_SMTP_USER` and
`FAIRGATE_SMTP_PASSWORD`. `RUST_LOG` wins over `log.level`.
";

/// What the example says of a table or key.
struct Said {
    /// The table, without brackets; empty at the top of the file.
    table: String,
    /// The table as it is headed: `[edge]`, `[[room]]`.
    header: String,
    /// Nothing for the table itself.
    key: Option<String>,
    text: String,
}

/// The document.
pub(crate) fn document() -> String {
    let example = read("config/fairgate.toml");
    let whole = uncommented(&example);
    let keys = Config::keys(&whole, Path::new("config/fairgate.toml")).unwrap_or_else(|error| panic!("{error}"));
    let said = said(&example);
    let mut text = format!("# Configuration\n\n{GENERATED}\n\n{HEAD}");
    let mut shown = Vec::new();
    for table in said.iter().filter(|said| said.key.is_none()) {
        // An array of tables may have several items in the example, where one cannot show every key.
        if shown.contains(&&table.table) {
            continue;
        }
        shown.push(&table.table);
        let title = if table.table.is_empty() { "The top of the file".into() } else { format!("`{}`", table.header) };
        write!(text, "\n## {title}\n\n").unwrap();
        if !table.text.is_empty() {
            writeln!(text, "{}\n", table.text).unwrap();
        }
        text.push_str("| key | kind | default | meaning |\n|---|---|---|---|\n");
        for key in in_order(&keys, &said, &table.table) {
            row(&mut text, &example, &whole, key, &said);
        }
    }
    text
}

/// The keys of a table, in the order of the example.
fn in_order<'k>(keys: &'k [Key], said: &[Said], table: &str) -> Vec<&'k Key> {
    let place = |key: &Key| {
        let place = said.iter().position(|said| said.table == key.table && said.key.as_deref() == Some(key.name));
        place.unwrap_or_else(|| panic!("config/fairgate.toml does not show {} of [{}]", key.name, key.table))
    };
    let mut keys: Vec<&Key> = keys.iter().filter(|key| key.table == table).collect();
    keys.sort_by_key(|key| place(key));
    keys
}

fn row(text: &mut String, example: &str, whole: &str, key: &Key, said: &[Said]) {
    let Key { table, name, kind } = key;
    let meaning = said.iter().find(|said| said.table == *table && said.key.as_deref() == Some(*name));
    let meaning = meaning.map_or("", |said| &said.text);
    assert!(!meaning.is_empty(), "config/fairgate.toml says nothing of {name} in [{table}]");
    let default = default(example, whole, key);
    let cell = |text: &str| text.replace('|', "\\|");
    let meaning = sentence(meaning.strip_prefix("required; ").unwrap_or(meaning));
    writeln!(text, "| `{name}` | {} | {} | {} |", cell(kind), cell(&default), cell(&meaning)).unwrap();
}

/// With a capital at the beginning.
fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}

/// What holds where the key is not there, found out by leaving it out.
fn default(example: &str, whole: &str, key: &Key) -> String {
    let shown: Table = example.parse().unwrap();
    let with = |table: &Table| Config::parse(&table.to_string(), Path::new("example.toml"));
    if let Some((without, value)) = without(&shown, key) {
        return match with(&without) {
            Err(_) => format!("**required**, like `{value}`"),
            Ok(config) if format!("{config:?}") == format!("{:?}", with(&shown).unwrap()) => format!("`{value}`"),
            Ok(_) => format!("example: `{value}`"),
        };
    }
    // A key of a table that is there may be left out. A key of a table that is not there may be left out only if the
    // table does without it.
    let is_of_shown_table = table_mut(&mut shown.clone(), &key.table, None).is_some();
    let (without, value) = without(&whole.parse().unwrap(), key).expect("the example shows each key");
    let needed = if is_of_shown_table || with(&without).is_ok() { "example:" } else { "**required**, like" };
    format!("{needed} `{value}`")
}

/// The file without a key, and what stood there.
fn without(file: &Table, key: &Key) -> Option<(Table, Value)> {
    let mut file = file.clone();
    let value = table_mut(&mut file, &key.table, Some(key.name))?.remove(key.name)?;
    Some((file, value))
}

/// A table by its path; of an array of tables the first one that has a key, or else the first.
fn table_mut<'f>(file: &'f mut Table, path: &str, key: Option<&str>) -> Option<&'f mut Table> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(file, |table, step| match table.get_mut(step)? {
        Value::Table(table) => Some(table),
        Value::Array(items) => {
            let has_key = |item: &Value| key.is_some_and(|key| item.get(key).is_some());
            let place = items.iter().position(has_key).unwrap_or(0);
            items.get_mut(place)?.as_table_mut()
        }
        _ => None,
    })
}

/// The example with everything in force that is commented out.
fn uncommented(example: &str) -> String {
    let line = |line: &str| match commented(line) {
        Some(shown) => format!("{shown}\n"),
        None => format!("{line}\n"),
    };
    example.lines().map(line).collect()
}

/// A key or table that is commented out.
fn commented(line: &str) -> Option<&str> {
    let shown = line.strip_prefix("# ")?;
    let is_key = shown.split_once(" = ").is_some_and(|(key, value)| is_name(key) && !value.is_empty());
    (is_key || shown.starts_with('[') && shown.ends_with(']')).then_some(shown)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// What the example says: comments before a line, and behind it, belong to it. A line between two of one kind has none of
/// its own only where it continues an array.
fn said(example: &str) -> Vec<Said> {
    let mut said = vec![Said { table: String::new(), header: String::new(), key: None, text: String::new() }];
    let (mut table, mut header) = (String::new(), String::new());
    let mut comments: Vec<&str> = Vec::new();
    for line in example.lines() {
        let shown = commented(line).unwrap_or(line);
        if let Some(comment) = shown.strip_prefix('#') {
            comments.push(comment.trim());
        } else if shown.starts_with('[') {
            header = shown.split_once(" #").map_or(shown, |(header, _)| header).to_owned();
            table = header.trim_matches(['[', ']']).to_owned();
            let text = std::mem::take(&mut comments).join(" ");
            said.push(Said { table: table.clone(), header: header.clone(), key: None, text });
        } else if let Some((key, value)) = shown.split_once(" = ").filter(|(key, _)| is_name(key)) {
            comments.extend(value.split_once(" # ").map(|(_, comment)| comment));
            let text = std::mem::take(&mut comments).join(" ");
            said.push(Said { table: table.clone(), header: header.clone(), key: Some(key.to_owned()), text });
        } else if shown.is_empty() {
            comments.clear();
        }
    }
    said
}
