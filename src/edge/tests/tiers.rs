//! A room with tiers and identities in a whole edge but for its sockets, from the first join to the published list of claims,
//! and what two verifiers make of it. The time is that of rounds that are long past and whose signatures are known.

mod world;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fairgate_draw::v2::{Claim, NO_TAG, Nonce, entry};
use fairgate_draw::{InclusionProof, Label};
use http::Method;
use serde_json::{Value, json};

use self::world::{Fan, ROUND_MS, STARTS_MS, World, fan, shared_store};
use crate::edge::draw::public_lists::List;
use crate::edge::http::entry_problem::{EntryProblem, Missing};
use crate::edge::http::problem::Problem;
use crate::edge::room::admitted::Admitted;
use fairgate_core::request::fan_call::FanCall;
use fairgate_core::room::{Command, Phase, Position};
use fairgate_testkit::PrivateRedis;
use fairgate_token::{OfTier, Ticket};

/// From the first join to the published claims: members before fans, one entry an identity, and a freeze that came late.
#[tokio::test(flavor = "multi_thread")]
async fn a_draw_with_tiers_and_identities_is_made_and_verified() {
    let world = World::open(true).await;
    let fans = [fan(1, 1), fan(2, 0), fan(3, 1), fan(4, 0)];
    let tickets = all_join(&world, &fans).await;
    world.beat_at(STARTS_MS - 1).await;
    let members = json!({"name": "members", "label": {"en": "Members"}, "pool_size": 2});
    assert_eq!(world.status()["tiers"], json!([members, {"name": "fans", "label": null, "pool_size": 2}]));
    // The freeze comes when round 990 is known: the draw waits for the next one of the row.
    let frozen_ms = STARTS_MS + 12_000;
    world.beat_at(frozen_ms).await;
    only_what_is_due_is_public(&world, &tickets[2]).await;
    let late = late_comers(&world, &tickets[0]).await;
    world.beat_at(ROUND_MS).await;
    assert_eq!(world.hand_in().await, 200);
    world.beat_at(ROUND_MS + 1_000).await;
    assert_eq!(world.edge.served().rooms[0].snapshot().unwrap().view.phase, Phase::Serving);
    let back = some_claim(&world, &fans, &tickets).await;
    world.beat_at(ROUND_MS + 2_000).await;
    for ticket in [&late, &back] {
        assert_eq!(world.claim(ticket, None).await.0, 200);
    }
    world.beat_at(ROUND_MS + 200_000).await;
    let (record, said) = world.audited(2).await;
    assert_eq!((record.label, record.beacon_round), (Label::CommittedAndBeacon, Some(1000)));
    assert_eq!(record.frozen_at_ms, Some(frozen_ms));
    assert!(said.contains("1 of 5 claims showed what only the fan's browser knew"), "{said}");
    let claims = world.list(List::TierClaims, 5 * 57).await;
    let first = Claim::from_bytes(claims.first_chunk().unwrap());
    let expected = (Some((1, 0)), Some(fans[0].u), world.tag(&fans[0].subject));
    assert_eq!((first.entry, first.u, first.tag), expected);
    check_proof(&world, &tickets[2]).await;
}

/// Everyone joins, and one of them once more from another device.
async fn all_join(world: &World, fans: &[Fan]) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for who in fans {
        let (ticket, again) = world.join(who).await.unwrap();
        let (tier, tag) = (who.tier.unwrap(), world.tag(&who.subject));
        assert_eq!((ticket.of_tier, again), (Some(OfTier { tier, tag }), false));
        assert_eq!(ticket.entry, entry(&world.draw(), tier, Nonce::of(&who.u), &tag), "the browser can check it");
        tickets.push(ticket);
    }
    assert_eq!(tickets.iter().map(|ticket| ticket.position).collect::<Vec<_>>(), [0, 0, 1, 1].map(Position::Pool));
    let elsewhere = Fan { u: [99; 16], tier: Some(0), ..fan(1, 1) };
    assert_eq!(world.join(&elsewhere).await.unwrap(), (tickets[0].clone(), true), "the first entry decides the tier");
    let refused = world.join_with(&fans[0], Admitted::default()).await.unwrap_err();
    assert_eq!(refused, Problem::from(EntryProblem::Required(Missing::default())));
    tickets
}

/// Between freeze and reveal: rosters and their roots, and nothing of a tag.
async fn only_what_is_due_is_public(world: &World, ticket: &Ticket) {
    let draw = &world.status()["draw"];
    assert_eq!((&draw["label"], &draw["root"]), (&json!("committed + public beacon"), &Value::Null));
    assert_eq!(draw["tiers"], world.record().await["tiers"], "to the byte, for browsers compare them");
    assert_eq!(world.get(FanCall::TierRoster(1)).await, (200, json!(64)));
    assert_eq!(world.get(FanCall::TierTags(1)).await.0, 409, "not before the reveal");
    let (status, proof) = world.get(FanCall::TierProof(1, 1)).await;
    assert_eq!((status, &proof["entry"]), (200, &json!(hex::encode(ticket.entry))));
    assert_eq!((&proof["tag"], &proof["tags_path"]), (&Value::Null, &Value::Null), "nor a hash of a tag");
    for call in [FanCall::Roster, FanCall::Proof(0), FanCall::TierRoster(2), FanCall::TierProof(1, 9)] {
        assert_eq!(world.get(call).await.0, 404, "{call:?}");
    }
}

/// Who comes after the freeze stands behind all tiers; who has an entry gets its ticket.
async fn late_comers(world: &World, first: &Ticket) -> Ticket {
    let (late, _) = world.join(&fan(5, 0)).await.unwrap();
    assert_eq!(late.position, Position::Line(4), "whatever one's own tier");
    let (again, is_again) = world.join(&Fan { u: [98; 16], ..fan(5, 0) }).await.unwrap();
    assert_eq!((again.position, again.of_tier, is_again), (late.position, late.of_tier, true));
    assert_eq!(world.join(&Fan { u: [99; 16], ..fan(1, 0) }).await.unwrap().0, *first);
    late
}

/// One shows what the entry is made of, one nothing, one something else. The last gives up and comes again; answers the new
/// ticket.
async fn some_claim(world: &World, fans: &[Fan], tickets: &[Ticket]) -> Ticket {
    let snapshot = world.edge.served().rooms[0].snapshot().unwrap();
    let places: Vec<u64> = tickets.iter().map(|ticket| snapshot.place_of(ticket).unwrap()).collect();
    assert!(places[1] < 2 && places[3] < 2 && places[0] >= 2 && places[2] >= 2, "members first: {places:?}");
    for (which, u) in [(0, Some(fans[0].u)), (1, None), (2, Some([7; 16]))] {
        let (status, admitted) = world.claim(&tickets[which], u).await;
        assert_eq!((status, &admitted["place"]), (200, &json!(places[which])), "{admitted}");
    }
    assert_eq!(world.call(FanCall::Leave, Method::POST, Some(&tickets[3]), json!({})).await.0, 204);
    assert_eq!(world.claim(&tickets[3], None).await.0, 410);
    let (back, again) = world.join(&fans[3]).await.unwrap();
    assert_eq!((back.position, again), (Position::Line(5), false), "at the end of the line");
    assert_eq!(world.join(&fans[3]).await.unwrap().0.position, Position::Line(5), "once");
    assert_eq!(world.join(&fans[0]).await.unwrap().0, tickets[0], "who was let in gets no second place");
    back
}

/// Whichever edge takes a call: one identity has one entry, one freeze and one order, also for an edge that starts in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn edges_that_share_a_room_make_one_draw_with_tiers() {
    let redis = PrivateRedis::start().unwrap();
    let mut fleet = World::fleet(&redis, 2).await;
    let mut tickets = Vec::new();
    for number in 0..20 {
        let who = fan(number, number % 2);
        let (ticket, again) = fleet[usize::from(number / 2 % 2)].join(&who).await.unwrap();
        let other = Fan { u: [200; 16], ..fan(number, 1 - number % 2) };
        assert!(!again);
        assert_eq!(fleet[usize::from(1 - number / 2 % 2)].join(&other).await.unwrap(), (ticket.clone(), true));
        tickets.push(ticket);
    }
    // One edge goes away without a word, and another one comes.
    let (dir, clock) = (Arc::clone(&fleet[0].dir), Arc::clone(&fleet[0].clock));
    fleet.remove(0);
    // The freeze is late, so the draw's round is 1000.
    clock.set(STARTS_MS + 12_000);
    fleet.push(World::with(Arc::new(shared_store(&redis, &clock)), true, &dir, &clock).await);
    for at_ms in [STARTS_MS + 12_200, ROUND_MS] {
        for edge in &fleet {
            edge.beat_at(at_ms).await;
        }
    }
    assert_eq!(fleet[1].hand_in().await, 200);
    for edge in &fleet {
        edge.beat_at(ROUND_MS + 1_000).await;
    }
    for (number, ticket) in (0_u8..).zip(&tickets) {
        let (status, admitted) = fleet[usize::from(number % 2)].claim(ticket, Some([number; 16])).await;
        assert_eq!(status, 200, "{admitted}");
        let again = fleet[usize::from(1 - number % 2)].claim(ticket, None).await.1;
        assert_eq!(again["session"], admitted["session"], "whichever edge answers");
    }
    for edge in &fleet {
        edge.beat_at(ROUND_MS + 200_000).await;
        let said = edge.audited(2).await.1;
        assert!(said.contains("20 of 20 claims showed what only the fan's browser knew"), "{said}");
    }
}

/// Both trees have a fan's entry and tag.
async fn check_proof(world: &World, ticket: &Ticket) {
    let (status, proof) = world.get(FanCall::TierProof(1, 1)).await;
    let hash = |hex: &Value| <[u8; 32]>::try_from(hex::decode(hex.as_str().unwrap()).unwrap()).unwrap();
    let path = |name: &str| InclusionProof {
        index: 1,
        entries: 2,
        path: proof[name].as_array().unwrap().iter().map(hash).collect(),
    };
    assert_eq!(status, 200);
    assert!(path("path").verify(&ticket.entry, &hash(&proof["root"])));
    assert!(path("tags_path").verify(&ticket.of_tier.unwrap().tag, &hash(&proof["tags_root"])));
}

/// Who shows two identities gets the entry of either, with its own tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_says_the_tag_of_the_entry_that_is_there() {
    let world = World::open(true).await;
    let anna = fan(1, 1);
    let (first, _) = world.join(&anna).await.unwrap();
    let code = [7; 16];
    let both =
        Admitted { tier: Some(0), tags: vec![code], others: vec![world.tag(&anna.subject)], ..Admitted::default() };
    assert_eq!(world.join_with(&fan(9, 0), both).await.unwrap(), (first, true));
    let several = |device| {
        let admitted = Admitted { tags: vec![[1; 16], [2; 16]], ..Admitted::default() };
        (Fan { u: [device; 16], ..fan(0, 1) }, admitted)
    };
    let mut tags = Vec::new();
    for device in [11, 12, 12] {
        let (fan, admitted) = several(device);
        tags.push(world.join_with(&fan, admitted).await.unwrap().0.of_tier.unwrap().tag);
    }
    assert_eq!(tags, [[1; 16], [2; 16], [2; 16]]);
    let (third, admitted) = several(13);
    assert_eq!(world.join_with(&third, admitted).await.unwrap_err(), Problem::from(EntryProblem::CodeTaken));
}

/// Numbers are left out after a loss, and a ticket has one of them: its entry is empty, and its fan has entered anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_ticket_of_an_entry_that_is_empty_counts_as_that_of_the_older_one() {
    let world = World::open(true).await;
    let (anna, ben) = (fan(1, 0), fan(2, 0));
    let learn = Command::LearnTier { tier: 0, end: 3, left_out: 0 };
    world.edge.store.apply("final", learn).await.unwrap();
    // The room is put right for a few seconds, in which somebody has to look.
    for second in 1..10 {
        world.beat_at(STARTS_MS - 60_000 + second * 1_000).await;
    }
    let (anew, _) = world.join(&anna).await.unwrap();
    assert_eq!(anew.position, Position::Pool(3));
    let of_before = |who: &Fan, index| Ticket {
        position: Position::Pool(index),
        entry: entry(&world.draw(), 0, Nonce::of(&[50; 16]), &world.tag(&who.subject)),
        of_tier: Some(OfTier { tier: 0, tag: world.tag(&who.subject) }),
        ..anew.clone()
    };
    let shown = async |ticket: &Ticket| {
        let (status, joined) = world.call(FanCall::Join, Method::POST, Some(ticket), json!({ "nonce": "" })).await;
        (status, joined["kind"].clone(), joined["index"].clone(), joined["place"].clone())
    };
    let in_pool = |index: u64| (200, json!("pool"), json!(index), Value::Null);
    assert_eq!(shown(&of_before(&anna, 1)).await, in_pool(1), "it may be put back yet");
    world.beat_at(STARTS_MS + 12_000).await;
    assert_eq!(world.status()["draw"]["tiers"][0]["missing"], 3);
    assert_eq!(shown(&of_before(&anna, 1)).await, in_pool(3));
    assert_eq!(
        shown(&of_before(&ben, 2)).await,
        (200, json!("line"), Value::Null, json!(4)),
        "nobody could put it back"
    );
    world.beat_at(ROUND_MS).await;
    assert_eq!(world.hand_in().await, 200);
    world.beat_at(ROUND_MS + 1_000).await;
    for (ticket, u) in [(of_before(&anna, 1), anna.u), (of_before(&ben, 2), ben.u)] {
        let (status, admitted) = world.claim(&ticket, Some(u)).await;
        assert_eq!(status, 200, "{admitted}");
    }
    world.beat_at(ROUND_MS + 200_000).await;
    let (record, said) = world.audited(2).await;
    assert_eq!(record.missing(), Some(3));
    assert!(said.contains("1 of 2 claims showed what only the fan's browser knew"), "{said}");
}

/// Without identities: the nonce alone makes the entry, a retry gets it again, and no tags are published.
#[tokio::test(flavor = "multi_thread")]
async fn a_draw_with_tiers_alone_is_made_and_verified() {
    let world = World::open(false).await;
    let body = |u: u8| json!({ "nonce": URL_SAFE_NO_PAD.encode(Nonce::of(&[u; 16]).0) });
    let join = |u: u8| world.call(FanCall::Join, Method::POST, None, body(u));
    for (again, index) in [(false, 0), (true, 0)] {
        let (status, joined) = join(1).await;
        assert_eq!((status, &joined["index"], &joined["again"]), (200, &json!(index), &json!(again)), "{joined}");
        assert_eq!((&joined["tier"], &joined["tag"]), (&json!(1), &json!(hex::encode(NO_TAG))), "the last tier");
    }
    assert_eq!(join(2).await.1["index"], 1);
    world.beat_at(STARTS_MS + 200).await;
    assert_eq!(world.get(FanCall::TierTags(1)).await.0, 404);
    // Round 990 is due; nobody hands it in before the end of this test, so the draw waits.
    world.beat_at(ROUND_MS).await;
    assert_eq!(world.edge.served().rooms[0].snapshot().unwrap().view.phase, Phase::Drawing);
    assert_eq!(world.hand_in().await, 409, "round 1000 is out of turn");
    let record = world.record().await;
    assert_eq!(record["tiers"][0]["entries"], 0);
    assert_eq!(record["tiers"][1]["tags_root"], "00".repeat(32));
    let refused = world.edge.store.apply("final", Command::Reveal { beacon: None }).await;
    assert!(refused.is_err(), "nothing takes the round's place");
}
