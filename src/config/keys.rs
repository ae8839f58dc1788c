//! Which keys the reader asks for: what a reference lists.

use std::cell::RefCell;

/// A key of the file, as the reader asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The table that it is in, like `room.admission`; empty at the top of the file.
    pub table: String,
    /// The key's name.
    pub name: &'static str,
    /// What kind of value it takes, in words.
    pub kind: String,
}

/// The keys that were asked for while a file was read, in this order.
#[derive(Default)]
pub(super) struct Keys {
    found: RefCell<Vec<Key>>,
}

impl Keys {
    /// Notes a key of the table at this path, which may name items: `room[final].admission`.
    pub(super) fn note(&self, path: &str, name: &'static str, kind: fn() -> String) {
        let table = without_items(path);
        let mut found = self.found.borrow_mut();
        if !found.iter().any(|key| key.table == table && key.name == name) {
            found.push(Key { table, name, kind: kind() });
        }
    }

    pub(super) fn into_found(self) -> Vec<Key> {
        self.found.into_inner()
    }
}

/// The path of a table of the file: the same for every item of an array.
fn without_items(path: &str) -> String {
    let mut table = String::new();
    let mut rest = path;
    while let Some((before, item)) = rest.split_once('[') {
        table.push_str(before);
        rest = item.split_once(']').map_or("", |(_, after)| after);
    }
    table + rest
}
