//! The sources of all crates, and which file names which.
//!
//! Guarantees:
//! - a path is followed to the file that its module stands in, through `crate`, `self`, `super` and the names of the
//!   project's own crates
//! - what leads out of the project keeps the name of the other crate

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::scan::{Named, scan};

/// A source file, and the module that it is.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// From the root of the repository.
    pub(crate) file: String,
    /// The crate's name in code (`fairgate`, `fairgate_draw`), then the modules.
    pub(crate) module: Vec<String>,
    /// True if the module is compiled for tests only.
    pub(crate) is_test: bool,
    named: Vec<Named>,
}

/// Something that a file names.
#[derive(Clone, Debug)]
pub(crate) struct Link<'t> {
    /// The file.
    pub(crate) from: &'t Source,
    /// Its line.
    pub(crate) line: usize,
    /// What is named: crate, modules, item.
    pub(crate) path: Vec<String>,
    /// The file in which that module stands; `None` outside the project.
    pub(crate) to: Option<&'t Source>,
    /// True if only tests name it.
    pub(crate) is_test: bool,
}

/// All sources of the project, by module.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    sources: BTreeMap<Vec<String>, Source>,
    test_modules: Vec<Vec<String>>,
}

impl Tree {
    /// Reads the crates of a repository: its own `src`, and every folder of `crates`.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.read_crate(root, "fairgate", &root.join("src"));
        for folder in entries(&root.join("crates")) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().replace('-', "_");
            tree.read_crate(root, &format!("fairgate_{name}"), &folder.join("src"));
        }
        tree.mark_tests();
        tree
    }

    /// A tree of these files of `src`, for tests of the rules.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (within, text) in files {
            tree.add("fairgate", format!("src/{within}"), within, text);
        }
        tree.mark_tests();
        tree
    }

    /// The sources, in the order of their modules.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// Everything that every file names.
    pub(crate) fn links(&self) -> impl Iterator<Item = Link<'_>> {
        self.sources.values().flat_map(move |from| from.named.iter().map(move |named| self.link(from, named)))
    }

    fn read_crate(&mut self, root: &Path, name: &str, src: &Path) {
        for path in rust_files(src) {
            let (Ok(file), Ok(within)) = (path.strip_prefix(root), path.strip_prefix(src)) else { continue };
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            self.add(name, file.display().to_string(), &within.display().to_string(), &text);
        }
    }

    fn add(&mut self, crate_name: &str, file: String, within: &str, text: &str) {
        let names = within.trim_end_matches(".rs").split('/').filter(|name| !matches!(*name, "mod" | "lib"));
        let module: Vec<String> = [crate_name].into_iter().chain(names).map(str::to_owned).collect();
        let scan = scan(text);
        self.test_modules.extend(scan.test_modules.into_iter().map(|name| join(&module, &[name])));
        let source = Source { file, module: module.clone(), is_test: false, named: scan.named };
        self.sources.insert(module, source);
    }

    /// A module that only tests are compiled with has children like itself.
    fn mark_tests(&mut self) {
        for source in self.sources.values_mut() {
            source.is_test = self.test_modules.iter().any(|module| source.module.starts_with(module));
        }
    }

    fn link<'t>(&'t self, from: &'t Source, named: &Named) -> Link<'t> {
        let path = self.resolve(from, named);
        let is_test = named.is_test || from.is_test;
        Link { from, line: named.line, to: self.file_of(&path), path, is_test }
    }

    /// A path from the crate on.
    fn resolve(&self, from: &Source, named: &Named) -> Vec<String> {
        let mut module = join(&from.module, &named.inside);
        let mut path = &named.path[..];
        match path[0].as_str() {
            "crate" => return join(&module[..1], &path[1..]),
            "self" => return join(&module, &path[1..]),
            "super" => {}
            name => {
                let child = join(&module, &[name.to_owned()]);
                return if self.sources.contains_key(&child) { join(&module, path) } else { path.to_vec() };
            }
        }
        while path.first().is_some_and(|name| name == "super") && module.len() > 1 {
            module.pop();
            path = &path[1..];
        }
        join(&module, path)
    }

    /// The file in which the longest module of a path stands.
    fn file_of(&self, path: &[String]) -> Option<&Source> {
        (1..=path.len()).rev().find_map(|names| self.sources.get(&path[..names]))
    }
}

fn join(module: &[String], names: &[String]) -> Vec<String> {
    [module, names].concat()
}

/// The entries of a folder, in order; none where there is no such folder.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(read) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = read.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) = entries(folder).into_iter().partition(|path| path.is_dir());
    let here = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    here.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}
