//! What is fuzzed: one plain function a target, which takes any bytes and panics where a promise is broken.
//!
//! `fuzz/fuzz_targets/` hands them the inputs of libFuzzer (`make fuzz SECONDS=60`); the test below the inputs that
//! are kept in `fuzz/corpus/`, in every `make test`. A new target is a function here and a line in [`TARGETS`]. It
//! also has a file of three lines in `fuzz/fuzz_targets/` with its `[[bin]]` in `fuzz/Cargo.toml`, and a few inputs in
//! `fuzz/corpus/`. What a fuzzer has found becomes one of them, with its right answer in a test of the module
//! concerned.

mod address;
mod configuration;
mod fields;
mod head;
mod notes;
mod plans;
mod store;
mod tokens;

pub use address::address;
pub use configuration::configuration;
pub use fairgate_core::request::model::check as path;
pub use fields::fields;
pub use head::head;
pub use notes::notes;
pub use plans::plans;
pub use store::{journal, ledger};
pub use tokens::tokens;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which its folder in `fuzz/corpus` and its file in `fuzz/fuzz_targets` have, too.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target { name: "head", run: head },
    Target { name: "path", run: path },
    Target { name: "fields", run: fields },
    Target { name: "tokens", run: tokens },
    Target { name: "configuration", run: configuration },
    Target { name: "journal", run: journal },
    Target { name: "ledger", run: ledger },
    Target { name: "plans", run: plans },
    Target { name: "address", run: address },
    Target { name: "notes", run: notes },
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
    }

    #[test]
    fn every_input_that_is_kept_holds() {
        for target in TARGETS {
            let inputs = fs::read_dir(folder().join("corpus").join(target.name)).expect(target.name);
            let inputs: Vec<PathBuf> = inputs.map(|input| input.expect("an input").path()).collect();
            assert!(!inputs.is_empty(), "{} has inputs", target.name);
            for input in inputs {
                let bytes = fs::read(&input).expect("an input");
                let held = std::panic::catch_unwind(|| (target.run)(&bytes));
                assert!(held.is_ok(), "{} breaks on {}", target.name, input.display());
            }
        }
    }

    #[test]
    fn every_target_is_one_of_libfuzzers() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).expect("the manifest");
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len(), "each has its [[bin]]");
        for Target { name, .. } in TARGETS {
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            let file = folder().join(format!("fuzz_targets/{name}.rs"));
            let text = fs::read_to_string(&file).expect("its file");
            assert!(text.contains(&format!("fairgate::fuzz::{name}(")), "{name}");
        }
    }
}
