//! Reads tables key by key, reports what does not fit, and goes on, so that one run finds every mistake.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Keys};
use super::problem::Problems;
use super::syntax;
use super::value::Value;

/// A TOML text as a tree that knows its lines.
pub(super) struct Document<'t> {
    tree: Spanned<DeTable<'t>>,
    problems: &'t Problems<'t>,
    keys: Keys,
}

impl<'t> Document<'t> {
    /// Parses a text. Where it is no TOML, its first mistake is all that is reported: the others follow from it.
    pub(super) fn parse(text: &'t str, problems: &'t Problems<'t>) -> Option<Self> {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let Some(first) = errors.iter().min_by_key(|error| error.span().map_or(0, |span| span.start)) else {
            return Some(Self { tree, problems, keys: Keys::default() });
        };
        let (at, remedy) = syntax::cause(text, first.span().unwrap_or(0..0));
        problems.add(at, String::new(), format!("not TOML: {}", first.message()), remedy);
        None
    }

    /// Reads the whole file.
    pub(super) fn root<T>(&self, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
        let section = Section {
            path: String::new(),
            table: self.tree.get_ref(),
            span: self.tree.span(),
            asked: RefCell::default(),
            problems: self.problems,
            keys: &self.keys,
        };
        let value = read(&section);
        section.report_unknown_keys();
        value
    }

    /// Every key that was asked for so far.
    pub(super) fn keys(self) -> Vec<Key> {
        self.keys.into_found()
    }

    /// Reports a mistake that only shows when the whole file is known. `path` leads to the value through tables, and
    /// through arrays of tables by number.
    pub(super) fn problem(&self, path: &[Step<'_>], key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(self.span_of(path), key.to_owned(), what, remedy);
    }

    fn span_of(&self, path: &[Step<'_>]) -> Range<usize> {
        let mut span = self.tree.span();
        let (mut table, mut array) = (Some(self.tree.get_ref()), None);
        for step in path {
            let next = match step {
                Step::Key(key) => table.and_then(|table: &DeTable<'_>| table.get(*key)),
                Step::Item(index) => array.and_then(|array: &toml::de::DeArray<'_>| array.get(*index)),
            };
            let Some(next) = next else { break };
            span = next.span();
            (table, array) = (next.get_ref().as_table(), next.get_ref().as_array());
        }
        span
    }
}

/// One step into a document.
#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    /// The value of a key.
    Key(&'a str),
    /// An item of an array.
    Item(usize),
}

/// One table, and the keys that were asked for.
pub(super) struct Section<'s> {
    path: String,
    table: &'s DeTable<'s>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    problems: &'s Problems<'s>,
    keys: &'s Keys,
}

impl<'s> Section<'s> {
    /// The value of a key, if it is there and fits.
    pub(super) fn get<T: Value>(&self, key: &'static str) -> Option<T> {
        self.keys.note(&self.path, key, T::kind);
        let value = self.ask(key)?;
        match T::read(value.get_ref()) {
            Ok(value) => Some(value),
            Err(misfit) => {
                self.problem(key, misfit.what, misfit.remedy);
                None
            }
        }
    }

    /// The value of a key, or the default where it is not there.
    pub(super) fn get_or<T: Value>(&self, key: &'static str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// The value of a key, or the default where the key is not there. `None` where the value does not fit, so that
    /// nothing is concluded from a default that nobody wrote.
    pub(super) fn given_or<T: Value>(&self, key: &'static str, default: T) -> Option<T> {
        if self.has(key) { self.get(key) } else { Some(self.get_or(key, default)) }
    }

    /// True if the table has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key that must be there.
    pub(super) fn require<T: Value>(&self, key: &'static str, example: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            self.problem(key, "is missing", format!("add it, for example: {key} = {example}"));
        }
        self.get(key)
    }

    /// Reports a value that fits by itself but makes no sense, unless `holds`.
    pub(super) fn check(&self, holds: bool, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        if !holds {
            self.problem(key, what, remedy);
        }
    }

    /// Reports a mistake at a key, or at the table's head where the key is not there.
    pub(super) fn problem(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let at = self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span);
        self.problems.add(at, self.path_of(key), what, remedy);
    }

    /// Reports a key of a table somewhere below this one, where it is there.
    pub(super) fn refuse(&self, path: &[&str], what: &str, remedy: &str) {
        let (mut table, mut at) = (Some(self.table), None);
        for key in path {
            let Some(value) = table.and_then(|table| table.get(*key)) else { return };
            (table, at) = (value.get_ref().as_table(), Some(value.span()));
        }
        if let Some(at) = at {
            self.problems.add(at, self.path_of(&path.join(".")), what, remedy);
        }
    }

    /// Reads a table; one that is not there is read as an empty one.
    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'_>) -> Option<T>) -> Option<T> {
        let empty = DeTable::new();
        match self.ask(key) {
            None => self.read_table(self.path_of(key), &empty, self.span.clone(), read),
            Some(value) => self.read_value(self.path_of(key), value, read),
        }
    }

    /// Reads a table that may be left out: nothing inside where it is not there.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.ask(key) {
            None => Some(None),
            Some(value) => self.read_value(self.path_of(key), value, read).map(Some),
        }
    }

    /// Reads an array of tables: all of them, or `None` where one does not fit.
    pub(super) fn sections<T>(&self, key: &'static str, read: impl Fn(&Section<'_>) -> Option<T>) -> Option<Vec<T>> {
        let Some(value) = self.ask(key) else { return Some(Vec::new()) };
        let Some(items) = value.get_ref().as_array() else {
            self.problem(
                key,
                "is not an array of tables",
                format!("write [[{}]] with two brackets", self.path_of(key)),
            );
            return None;
        };
        let read_item = |(index, item): (usize, &Spanned<DeValue<'_>>)| {
            let name = item.get_ref().get("name").and_then(|name| name.get_ref().as_str());
            let item_path = format!("{}[{}]", self.path_of(key), name.map_or(index.to_string(), str::to_owned));
            self.read_value(item_path, item, &read)
        };
        // Every item is read before one that does not fit ends it, so that all mistakes are found.
        let read: Vec<Option<T>> = items.iter().enumerate().map(read_item).collect();
        read.into_iter().collect()
    }

    fn read_value<T>(
        &self,
        path: String,
        value: &Spanned<DeValue<'_>>,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Option<T> {
        match value.get_ref().as_table() {
            Some(table) => self.read_table(path, table, value.span(), read),
            None => {
                self.problems.add(value.span(), path.clone(), "is not a table", format!("write it as [{path}]"));
                None
            }
        }
    }

    fn read_table<T>(
        &self,
        path: String,
        table: &DeTable<'_>,
        span: Range<usize>,
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Option<T> {
        let section =
            Section { path, table, span, asked: RefCell::default(), problems: self.problems, keys: self.keys };
        let value = read(&section);
        section.report_unknown_keys();
        value
    }

    fn ask(&self, key: &'static str) -> Option<&Spanned<DeValue<'s>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table.get(key)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// What nobody asked for, nobody would have heeded.
    fn report_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for key in self.table.keys().filter(|key| !asked.contains(&key.get_ref().as_ref())) {
            let remedy = match nearest(key.get_ref(), &asked) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("remove it; the keys here are {}", asked.join(", ")),
            };
            self.problems.add(key.span(), self.path_of(key.get_ref()), "is not a key of this table", remedy);
        }
    }
}

fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let similarity = |known: &str| strsim::jaro_winkler(key, known);
    let near = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(near) > 0.8).then_some(near)
}
