//! The reports of `fairgate draw verify`.

use serde_json::Value;

use crate::published::Draw;
use crate::verifier::{Verdict, fairgate};

fn reports(draw: &Draw) -> (Verdict, String, Value) {
    let folder = draw.publish();
    let (markdown, json) = (folder.path().join("report.md"), folder.path().join("report.json"));
    let options = ["--markdown".as_ref(), markdown.as_os_str(), "--json".as_ref(), json.as_os_str()];
    let verdict = fairgate(folder.path(), &options);
    let read = |path| std::fs::read_to_string(path).unwrap();
    (verdict, read(markdown), serde_json::from_str(&read(json)).unwrap())
}

#[test]
fn an_honest_draw_is_reported_with_its_numbers_and_limits() {
    let draw = Draw::honest(100);
    let (verdict, markdown, json) = reports(&draw);
    verdict.assert_holds();
    for number in [hex::encode(draw.record.root.unwrap()), hex::encode(draw.record.seed.unwrap())] {
        assert!(markdown.contains(&number), "{markdown}");
    }
    assert!(markdown.contains("**The draw holds: every step that can be checked was checked.**"), "{markdown}");
    assert!(markdown.contains("It does not prove that the operator, who knew the secret all along"), "{markdown}");
    let code = hex::encode(draw.record.freeze_statement().unwrap().leaf_hash());
    assert!(markdown.contains(&format!("| code of the freeze, to compare whole | {code} |")), "{markdown}");
    assert_eq!((&json["freeze_code"], &json["witnessed"]), (&code.into(), &0.into()));
    assert_eq!((&json["outcome"], &json["failed_step"]), (&"holds".into(), &Value::Null));
    let steps: Vec<&str> = json["findings"].as_array().unwrap().iter().map(|f| f["step"].as_str().unwrap()).collect();
    let all =
        ["signature", "descriptor", "descriptor digest", "roster", "root", "commitment", "beacon", "seed", "places"];
    assert_eq!(steps, [&all[..], &["claims", "identities"]].concat());
}

#[test]
fn a_draw_with_a_beacon_is_worth_what_its_witnesses_are() {
    let (verdict, markdown, _) = reports(&Draw::with_beacon(100));
    verdict.assert_holds();
    assert!(markdown.contains("That it was is the operator's word (`frozen_at_ms`)"), "{markdown}");
    assert!(!markdown.contains("nobody could pick the order"), "{markdown}");
}

#[test]
fn a_false_draw_is_reported_by_the_step_that_fails() {
    let mut draw = Draw::honest(100);
    draw.roster.swap(1, 2);
    let (verdict, markdown, json) = reports(&draw);
    verdict.assert_fails_at("root");
    assert!(markdown.contains("**The draw does not hold. It fails at the step \"root\".**"), "{markdown}");
    assert!(markdown.contains("| root | **fails** | the root that was published is "), "{markdown}");
    assert_eq!((&json["outcome"], &json["failed_step"]), (&"fails".into(), &"root".into()));
}

#[test]
fn repeated_entries_are_told() {
    let mut draw = Draw::frozen(100, None);
    draw.roster.push(draw.roster[7]);
    draw.freeze();
    draw.reveal(Draw::honest(0).record.secret.unwrap());
    let (verdict, markdown, _) = reports(&draw);
    verdict.assert_holds();
    assert!(markdown.contains("| roster | holds | 101 entries, 1 of which repeat an earlier one |"), "{markdown}");
}

#[test]
fn a_roster_with_stray_bytes_is_none() {
    let folder = Draw::honest(3).publish();
    let roster = folder.path().join("roster");
    let mut bytes = std::fs::read(&roster).unwrap();
    bytes.push(0);
    std::fs::write(&roster, bytes).unwrap();
    fairgate(folder.path(), &[]).assert_fails_at("roster");
}
