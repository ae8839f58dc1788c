//! `scripts/sbom.py` writes a bill of materials that the official schema takes, with everything that is linked and nothing else.

use std::collections::BTreeSet;
use std::error::Error;
use std::process::Command;

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

use crate::{read, repository};

const SCHEMAS: &str = "tests/reference/cyclonedx";

/// The schemas that a schema refers to, from the directory beside it.
struct Beside;

impl Retrieve for Beside {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let name = uri.as_str().rsplit('/').next().unwrap_or_default();
        Ok(serde_json::from_str(&read(&format!("{SCHEMAS}/{name}")))?)
    }
}

fn bill(options: &[&str]) -> Value {
    let script = repository().join("scripts/sbom.py");
    let output = Command::new("python3").arg(script).args(options).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts<'v>(values: &'v Value, member: &str) -> BTreeSet<&'v str> {
    values.as_array().unwrap().iter().filter_map(|value| value[member].as_str()).collect()
}

#[test]
fn the_bill_of_materials_is_valid_and_whole() {
    let bill = bill(&["--binary", env!("CARGO_BIN_EXE_fairgate")]);
    let schema = serde_json::from_str(&read(&format!("{SCHEMAS}/bom-1.6.SNAPSHOT.schema.json"))).unwrap();
    let validator = jsonschema::options().with_retriever(Beside).build(&schema).unwrap();
    let misfits: Vec<String> = validator.iter_errors(&bill).map(|error| error.to_string()).collect();
    assert_eq!(misfits, [""; 0]);

    let program = &bill["metadata"]["component"];
    assert_eq!(program["name"], "fairgate");
    assert_eq!(program["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(program["hashes"][0]["content"].as_str().map(str::len), Some(64));

    let names = texts(&bill["components"], "name");
    for linked in ["pingora", "aws-lc-sys", "tokio-postgres", "fairgate-draw", "rust-std"] {
        assert!(names.contains(linked), "{linked} is linked");
    }
    for unlinked in ["serde_derive", "proptest", "thirtyfour", "jsonschema", "cmake"] {
        assert!(!names.contains(unlinked), "{unlinked} only builds or tests the program");
    }
    for component in bill["components"].as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        let is_ours = name.starts_with("fairgate") || name == "rust-std";
        assert!(component["licenses"][0]["expression"].is_string(), "{name} has a licence");
        assert!(is_ours || component["hashes"][0]["alg"] == "SHA-256", "{name} has a hash");
    }
    let mut refs = texts(&bill["components"], "bom-ref");
    refs.insert(program["bom-ref"].as_str().unwrap());
    assert_eq!(refs, texts(&bill["dependencies"], "ref"), "who uses whom is said for each");
}

#[test]
fn what_is_for_trials_is_in_the_bill_of_a_build_that_has_it() {
    let has_crowd = |options: &[&str]| texts(&bill(options)["components"], "name").contains("fairgate-crowd");
    assert!(has_crowd(&["--default-features"]));
    assert!(!has_crowd(&[]));
}
