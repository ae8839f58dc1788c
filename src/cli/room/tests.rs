//! The verbs of `fairgate room` against an edge that runs.

use clap::Parser;

use super::print::plain;
use super::*;
use crate::admin::Changed;
use crate::admin::testing::{TOKEN_ORGANIZER, TOKEN_SRE, TOKEN_VIEWER, TestEdge};
use fairgate_core::room::{PreparedDraw, SalePlan};
use fairgate_store::history::{Sample, Series};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: RoomArgs,
}

async fn says(edge: &TestEdge, token: &str, line: &str) -> anyhow::Result<String> {
    let args = Line::try_parse_from(format!("room {line}").split(' '))?.args;
    let client = Client::new(&edge.url, Secret::new(token.into()));
    let mut out = Vec::new();
    step(args.step, &client, args.json, &mut out).await?;
    Ok(String::from_utf8(out)?)
}

#[tokio::test]
async fn tunes_a_live_room() {
    let edge = TestEdge::start().await;
    let changed = says(&edge, TOKEN_SRE, "set final --rate 900 --max-active 50 --message Soon").await.unwrap();
    let (told, undo) = changed.rsplit_once("final: undo it with `fairgate room undo final ").unwrap();
    assert_eq!(
        told,
        "final: changed rate_per_minute from 600 to 900\nfinal: changed max_active from 1000 to 50\n\
         final: changed message from null to \"Soon\"\nfinal: 600 → 900 a minute; nobody waits at this moment\n\
         final: 1,000 → 50 sessions inside; 0 are inside now, so there is room for 50 more\nfinal: 0 who wait read it\n"
    );
    assert_eq!(undo.split_once('`').unwrap().1, "\nfinal: 1 of 1 edges follow\n");
    assert_eq!(says(&edge, TOKEN_SRE, "set final --rate 900").await.unwrap(), "final: nothing to change\n");
    let would = says(&edge, TOKEN_SRE, "pause final --dry-run").await.unwrap();
    assert_eq!(
        would,
        "final: would change paused from false to true\n\
         final: nobody else is let in: 0 wait and keep their places, and 0 inside go on\n"
    );
    assert!(says(&edge, TOKEN_ORGANIZER, "list").await.unwrap().contains("final  serving"));
    says(&edge, TOKEN_ORGANIZER, "pause final").await.unwrap();
    assert!(says(&edge, TOKEN_ORGANIZER, "list").await.unwrap().contains("final  paused"));
    let shown = says(&edge, TOKEN_ORGANIZER, "show final").await.unwrap();
    assert!(shown.contains("Cup final (final)\n  phase      paused\n"), "{shown}");
    assert!(shown.contains("  rate       900 a minute, 10 at once\n"), "{shown}");
    assert!(shown.contains("  next sale  none\n"), "{shown}");
    let kept = edge.store.view("final").await.unwrap();
    let plan = SalePlan {
        room: "final".into(),
        opens_at_ms: kept.starts_at_ms + 3_600_000,
        starts_at_ms: kept.starts_at_ms + 7_200_000,
        ends_at_ms: None,
        beacon: None,
        secret: [9; 32],
        config_version: 0,
        policy: kept.policy,
        rules: None,
    };
    edge.store.keep_next("final", None, PreparedDraw::new(&plan, kept.now_ms)).await.unwrap();
    let commitment = hex::encode(fairgate_draw::commitment(&[9; 32]));
    let shown = says(&edge, TOKEN_ORGANIZER, "show final").await.unwrap();
    assert!(shown.contains(&format!("; committed to {commitment}\n")), "{shown}");
    let waits = says(&edge, TOKEN_ORGANIZER, "set final --ends-at 2040-01-01T00:00Z").await.unwrap();
    assert!(waits.contains("warning: the next sale waits until this one ends"), "{waits}");
    says(&edge, TOKEN_ORGANIZER, "set final --no-end").await.unwrap();
    let json = says(&edge, TOKEN_ORGANIZER, "--json resume final").await.unwrap();
    let changed: Changed = serde_json::from_str(&json).unwrap();
    assert!(!changed.room.paused);
    let removed = says(&edge, TOKEN_ORGANIZER, "set final --no-message").await.unwrap();
    assert!(removed.starts_with("final: changed message from \"Soon\" to null\n"), "{removed}");
}

#[tokio::test]
async fn a_change_is_undone_by_the_name_that_it_was_told_with() {
    let edge = TestEdge::start().await;
    let changed = says(&edge, TOKEN_SRE, "set final --rate 900 --message Soon").await.unwrap();
    let (_, id) = changed.split_once("room undo final ").unwrap();
    let (id, _) = id.split_once('`').unwrap();
    let would = says(&edge, TOKEN_SRE, &format!("undo final {id} --dry-run")).await.unwrap();
    assert!(would.starts_with("final: would change rate_per_minute from 900 to 600\n"), "{would}");
    let undone = says(&edge, TOKEN_SRE, &format!("undo final {id}")).await.unwrap();
    assert!(undone.contains("changed message from \"Soon\" to null\n"), "{undone}");
    let view = edge.store.view("final").await.unwrap();
    assert_eq!((view.policy.rate_per_minute, view.message), (600, None));
    let again = says(&edge, TOKEN_SRE, &format!("undo final {id}")).await.unwrap_err().to_string();
    assert!(again.contains("rate_per_minute was set to 900, and is 600 now"), "{again}");
    let audit = says(&edge, TOKEN_VIEWER, "audit --who sre").await.unwrap();
    assert!(audit.contains(&format!(", undoes {id}]")) && audit.contains("from 127.0.0.0/24 final:"), "{audit}");
    assert_eq!(says(&edge, TOKEN_VIEWER, "audit final --who maria").await.unwrap(), "nothing was changed\n");
    assert_eq!(
        says(&edge, TOKEN_VIEWER, "audit final --from 2040-01-01T00:00Z").await.unwrap(),
        "nothing was changed\n"
    );
}

#[tokio::test]
async fn a_clock_that_has_jumped_is_said_and_believed_by_one_command() {
    let edge = TestEdge::start().await;
    let ready = || async { reqwest::get(format!("{}/readyz", edge.url)).await.unwrap().text().await.unwrap() };
    assert!(!says(&edge, TOKEN_ORGANIZER, "clock").await.unwrap().contains("NOT BELIEVED"));
    assert_eq!(ready().await, "ok\n");
    edge.clock.jump_ms.store(3_600_000, std::sync::atomic::Ordering::Relaxed);
    let said = says(&edge, TOKEN_ORGANIZER, "clock").await.unwrap();
    assert!(said.contains("NOT BELIEVED         the clock that the rooms should go by is 3600.0 s ahead"), "{said}");
    assert!(
        ready().await.starts_with("ok\nwarning: the clock that the rooms should go by is 3600.0 s ahead of theirs")
    );
    let before_ms = edge.store.view("final").await.unwrap().now_ms;
    assert!(says(&edge, TOKEN_ORGANIZER, "clock --accept").await.unwrap_err().to_string().contains("role"));
    assert!(!says(&edge, TOKEN_SRE, "clock --accept").await.unwrap().contains("NOT BELIEVED"));
    assert_eq!(edge.store.view("final").await.unwrap().now_ms, before_ms + 3_600_000);
    let audit = says(&edge, TOKEN_SRE, "audit final").await.unwrap();
    assert!(audit.contains("sre (sre) from 127.0.0.0/24 final: now_ms from"), "{audit}");
}

#[tokio::test]
async fn references_are_looked_up_decided_about_and_forgotten() {
    use fairgate_entry::book::{Refusal, Told};
    use fairgate_entry::reference::Reference;
    use fairgate_entry::score::Signal;
    use fairgate_entry::way::Reason;

    let edge = TestEdge::start().await;
    let view = edge.store.view("final").await.unwrap();
    let reference = |n: u8| Reference::from_bytes([n; 5]);
    let refusal = |n, position, reason| Refusal::new(reference(n), position, reason, None, view.now_ms);
    let mut owes = refusal(1, Some((0, 7)), Reason::Owes);
    owes.points = vec![(Signal::Address, 100)];
    let rows = [owes, refusal(2, None, Reason::CodeUnknown), refusal(3, None, Reason::TokenWrong)];
    let told = Told {
        number: 1,
        keep_until_ms: u64::MAX,
        refusals: rows.iter().map(Refusal::to_bytes).collect(),
        tally: vec![("all//entered".into(), 5), ("all/code/code-unknown".into(), 2)],
        ..Told::default()
    };
    edge.store.count("final", &view.draw.descriptor_digest, told).await.unwrap();
    let [owes, unknown, token] = [1, 2, 3].map(|n| reference(n).to_string());

    let says = |line: String| {
        let edge = &edge;
        async move { says(edge, TOKEN_ORGANIZER, &line).await }
    };
    let shown = says(format!("refusal final {}", owes.to_lowercase())).await.unwrap();
    assert!(shown.contains(": owes") && shown.contains("entry 7 of tier 0"), "{shown}");
    assert!(shown.contains("from the same address. (100 points)") && shown.contains("decided    nothing"), "{shown}");
    let dry = says(format!("overrule final {owes} --because family --dry-run")).await.unwrap();
    assert!(dry.contains("would be decided: the place is asked nothing"), "{dry}");
    let decided = says(format!("overrule final {owes} --because family")).await.unwrap();
    assert!(decided.contains("decided: the place is asked nothing"), "{decided}");
    assert!(says(format!("overrule final {owes} --because again")).await.unwrap().contains("decided before"));
    assert!(says(format!("refusal final {owes}")).await.unwrap().contains("decided    let in"));
    let refused = says(format!("overrule final {owes} --because sold --refuse")).await.unwrap();
    assert!(refused.contains("not let in"), "{refused}");
    let impossible = says(format!("overrule final {token} --because please")).await.unwrap_err().to_string();
    assert!(impossible.contains("token-wrong") && impossible.contains("sign in again"), "{impossible}");
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list.csv");
    std::fs::write(&list, format!("number\n{unknown}\n{owes}\n")).unwrap();
    let listed = says(format!("overrule final --from {} --because letters", list.display())).await.unwrap();
    assert!(listed.contains("passes with this code at its next try"), "{listed}");
    let missing = says(format!("refusal final {}", reference(9))).await.unwrap_err().to_string();
    assert!(missing.contains("no such reference"), "{missing}");
    let mistyped = says("refusal final FG-000000001".to_owned()).await.unwrap_err().to_string();
    assert!(mistyped.contains("is no reference"), "{mistyped}");
    let entry = says("entry final".to_owned()).await.unwrap();
    assert!(entry.contains("entries        5") && entry.contains("2 (code-unknown)"), "{entry}");
    assert!(entry.contains("overruled      2") && entry.contains("references     3"), "{entry}");
    let audit = says("audit final".to_owned()).await.unwrap();
    assert!(audit.contains("read_refusal") && audit.contains("family") && audit.contains("letters"), "{audit}");
    let viewer = super::tests::says(&edge, TOKEN_VIEWER, &format!("refusal final {owes}")).await.unwrap_err();
    assert!(viewer.to_string().contains("role"), "{viewer}");

    let client = Client::new(&edge.url, Secret::new(TOKEN_ORGANIZER.into()));
    assert!(client.forget_entries("final", true).await.unwrap().forgotten);
    assert!(client.forget_entries("final", false).await.unwrap().forgotten);
    let gone = says(format!("refusal final {owes}")).await.unwrap_err().to_string();
    assert!(gone.contains("was forgotten"), "{gone}");
    let book = edge.store.book("final", &view.draw.descriptor_digest, &[]).await.unwrap();
    assert_eq!((book.refused(), book.overrules().count()), (0, 4));
    assert!(book.overrules().all(|overrule| overrule.reference == [0; 5]), "a decision keeps no reference");
    assert!(says("entry final".to_owned()).await.unwrap().contains("entries        5"), "numbers stay");
    assert!(says("audit final".to_owned()).await.unwrap().contains("entry_forgotten"));
}

#[test]
fn no_text_commands_the_terminal() {
    assert_eq!(plain("Soon \u{1b}[2J\u{202e}!"), "Soon \\u{1b}[2J\\u{202e}!");
    assert_eq!(plain("Größe مرحبا"), "Größe مرحبا");
}

#[tokio::test]
async fn says_what_went_wrong() {
    let edge = TestEdge::start().await;
    let edge = &edge;
    let error = |token, line| async move { says(edge, token, line).await.unwrap_err().to_string() };
    let organizer = error(TOKEN_ORGANIZER, "set final --rate 900").await;
    assert!(organizer.contains("role"), "{organizer}");
    let room = error(TOKEN_SRE, "show semifinal").await;
    assert!(room.contains("no room named \"semifinal\""), "{room}");
    let token = error("no-such-token-0123", "list").await;
    assert!(token.contains("not known here"), "{token}");
    let nothing = error(TOKEN_SRE, "set final").await;
    assert!(nothing.contains("required"), "{nothing}");
    let elsewhere = Client::new("http://127.0.0.1:1", Secret::new(String::new())).list().await.unwrap_err();
    assert!(elsewhere.to_string().contains("is the edge running"), "{elsewhere}");
}

#[tokio::test]
async fn tells_what_a_rooms_numbers_were() {
    let edge = TestEdge::start().await;
    let history = edge.history.of("final").unwrap();
    for second in [0, 1, 12] {
        let mut sample = Sample::new(1_790_000_000 + second);
        sample.set(Series::Waiting, 100 + u64::from(second));
        history.note(&sample).unwrap();
    }
    let from = "history final --from 2026-09-21T14:13:20Z --to 2026-09-21T14:13:40Z --series waiting";
    assert_eq!(
        says(&edge, TOKEN_VIEWER, &format!("{from} --csv")).await.unwrap(),
        "time,waiting\n2026-09-21T14:13:20Z,100\n2026-09-21T14:13:21Z,101\n2026-09-21T14:13:32Z,112\n"
    );
    assert_eq!(
        says(&edge, TOKEN_VIEWER, &format!("{from} --csv --step 10s")).await.unwrap(),
        "time,waiting\n2026-09-21T14:13:20Z,101\n2026-09-21T14:13:30Z,112\n"
    );
    let json = says(&edge, TOKEN_VIEWER, &format!("--json {from}")).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["step_s"], json["series"][0]["values"].as_array().unwrap().len()), (&1.into(), 20));
    let wrong = says(&edge, TOKEN_VIEWER, "history final --from 2026-09-21T14:13:20Z --series waitng").await;
    assert!(wrong.unwrap_err().to_string().contains("there are phase, limit"));
}
