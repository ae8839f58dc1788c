//! Draws with tiers and identities, honest and not, as an operator of their own publishes them (`operator_v2.py`): `fairgate
//! draw verify` comes to the verdict that the independent verifier comes to, and names each cheat by its step.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::verifier::{Verdict, fairgate};

const OPERATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/draw/operator_v2.py");

fn operator(arguments: &[&OsStr]) -> String {
    let output = Command::new("python3").arg(OPERATOR).args(arguments).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the operator publishes, by the name of the draw.
fn published(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    operator(&[name.as_ref(), folder.path().as_ref()]);
    folder
}

/// The outside witness that the verifier trusts, and what was saved of the draw.
fn options(folder: &Path) -> Vec<OsString> {
    let key = std::fs::read_to_string(folder.join("witness.vkey")).unwrap();
    let mut options: Vec<OsString> = vec!["--witness-key".into(), key.into()];
    for saved in ["saw.json", "saw.note"].map(|name| folder.join(name)).iter().filter(|path| path.exists()) {
        options.extend(["--witness".into(), saved.clone().into_os_string()]);
    }
    options
}

fn verdict(name: &str) -> Verdict {
    let folder = published(name);
    let options = options(folder.path());
    fairgate(folder.path(), &options.iter().map(OsString::as_os_str).collect::<Vec<_>>())
}

#[test]
fn each_cheat_is_named_by_its_step_and_honest_draws_hold() {
    let list = operator(&["--list".as_ref()]);
    let mut wrong = Vec::new();
    for line in list.lines() {
        let (name, step) = line.split_once('\t').unwrap();
        let found = verdict(name);
        let expected = (i32::from(!step.is_empty()), Some(step).filter(|step| !step.is_empty()));
        if (found.code, found.failed_step()) != expected {
            wrong.push(format!("{name}: {expected:?}, not {:?}\n{}", (found.code, found.failed_step()), found.said));
        }
    }
    assert!(list.lines().count() > 50, "{list}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_is_no_failure_is_reported() {
    let honest = verdict("honest").said;
    for note in [
        "the outside witness witness.example/w1 saw the draw 60.000 s before the pool opened",
        "the outside witness witness.example/w1 saw the freeze 33.000 s before round 1000 was published",
        "as 1 of the witnesses given here saw",
        "2 of 4 claims showed what only the fan's browser knew",
        "everybody was let in in the order of places",
    ] {
        assert!(honest.contains(note), "{note}\n{honest}");
    }
    let late = verdict("frozen, but its witness saw it too late").said;
    assert!(late.contains("3.000 s after round 1000 was published: too late"), "{late}");
    assert!(late.contains("no witness here"), "{late}");
    let committed = verdict("honest, without a beacon").said;
    assert!(committed.contains("saw the freeze in a log that did not have the reveal yet"), "{committed}");
    let losses = verdict("honest, with losses").said;
    assert!(losses.contains("tier 1 (fans) has 1 empty entries"), "{losses}");
    let order = verdict("honest, out of order").said;
    assert!(order.contains("2 were let in before a lower place that came later"), "{order}");
}

#[test]
fn a_witness_that_only_the_operator_names_is_not_counted() {
    let folder = published("honest");
    let said = fairgate(folder.path(), &[]);
    said.assert_holds();
    assert!(said.said.contains("witness.example/w1 signed the freeze, too, and is not counted"), "{}", said.said);
    assert!(said.said.contains("no witness here"), "{}", said.said);
}

#[test]
fn a_kept_ticket_is_judged_against_the_frozen_lists() {
    let dispute = |name: &str| {
        let folder = published(name);
        let saw = folder.path().join("saw.json");
        let fairgate = env!("CARGO_BIN_EXE_fairgate");
        let output = Command::new(fairgate).args(["draw", "dispute"]).arg(saw).arg(folder.path()).output();
        Verdict::of(output.unwrap())
    };
    let honoured = dispute("honest, seen by a browser");
    assert_eq!(honoured.code, 0, "{}", honoured.said);
    assert!(honoured.said.contains("entry 3 of tier 1 is as the ticket says; its place is"), "{}", honoured.said);
    for name in [
        "a tag that its ticket does not say",
        "a tier that its ticket does not say",
        "an entry that its ticket does not say",
        "an entry is lost on purpose",
    ] {
        let contradicted = dispute(name);
        assert_eq!(contradicted.code, 1, "{name}: {}", contradicted.said);
        assert!(contradicted.said.contains("the operator signed that entry 3 of tier 1"), "{}", contradicted.said);
    }
}

#[test]
fn reports_tell_of_tiers() {
    let folder = published("honest, with losses");
    let (markdown, json) = (folder.path().join("report.md"), folder.path().join("report.json"));
    let options = ["--markdown".as_ref(), markdown.as_os_str(), "--json".as_ref(), json.as_os_str()];
    fairgate(folder.path(), &options).assert_holds();
    let markdown = std::fs::read_to_string(markdown).unwrap();
    for part in [
        "| tier 1, fans | band 1, share 3; 9 entries, 1 of them empty; root ",
        "`fairgate/v2`, described in DRAW-TIERS.md",
    ] {
        assert!(markdown.contains(part), "{markdown}");
    }
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(json["rosters"].as_array().unwrap().len(), 3);
    assert_eq!(json["rosters"][1]["tier"], 1);
}
