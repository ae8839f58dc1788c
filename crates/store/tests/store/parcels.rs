//! Parcels: an edge gets what another one has, piece by piece, and Redis has one piece of it at a time.

use fairgate_store::redis::RedisStore;
use fairgate_store::{Depot, PARCELS_MAX, Parcel, ParcelFile, Store, WISHES_MAX, Wish};
use fairgate_testkit::PrivateRedis;

use crate::redis::{ask, open_url};

fn parcel(name: &str, at_ms: u64) -> Parcel {
    Parcel { name: name.to_owned(), at_ms, files: vec![ParcelFile { name: "roster".to_owned(), bytes: 9 }] }
}

fn wish(parcel: &str, from: u64) -> Wish {
    Wish { parcel: parcel.to_owned(), file: "roster".to_owned(), from }
}

#[tokio::test]
async fn a_piece_is_put_where_it_is_asked_for_and_taken_once() {
    let redis = PrivateRedis::start().unwrap();
    let (has, lacks) = (open_url(&redis.url()), open_url(&redis.url()));
    let depot = Depot::Draws { room: "final".to_owned() };
    let tell = async |store: &RedisStore, had: &[Parcel]| store.tell_parcels(&depot, had.to_vec()).await.unwrap();
    let wishes = async || tell(&has, &[]).await.wishes;
    let put = async |wish: &Wish| has.put_piece(&depot, wish, vec![7; 9]).await.unwrap();
    let take = async |wish: &Wish| lacks.take_piece(&depot, wish).await.unwrap();

    assert_eq!(tell(&has, &[parcel("a", 1), parcel("b", 2)]).await.parcels.len(), 2);
    let mut told = tell(&lacks, &[parcel("c", 3)]).await.parcels;
    told.sort_by_key(|parcel| parcel.at_ms);
    assert_eq!(told, [parcel("a", 1), parcel("b", 2), parcel("c", 3)]);
    let elsewhere = Depot::Codes { campaign: "final".to_owned() };
    assert!(has.tell_parcels(&elsewhere, Vec::new()).await.unwrap().parcels.is_empty(), "another depot");

    put(&wish("a", 0)).await;
    assert_eq!(take(&wish("a", 0)).await, None, "nobody had asked for it");
    assert_eq!(wishes().await, [wish("a", 0)]);
    put(&wish("a", 0)).await;
    assert!(wishes().await.is_empty(), "it is there");
    assert_eq!(take(&wish("a", 0)).await, Some(vec![7; 9]));
    assert_eq!(ask(&redis, "EXISTS fairgate:{final}:draws:piece:a/roster/0").await, "int(0)");
    assert_eq!(take(&wish("a", 0)).await, None, "it is asked for anew");

    // Open wishes bound what may be there, taken or not.
    for from in 1..WISHES_MAX as u64 {
        take(&wish("a", from)).await;
        put(&wish("a", from)).await;
    }
    take(&wish("b", 0)).await;
    assert_eq!(wishes().await, [wish("a", 0)], "one too many");
    assert_eq!(take(&wish("a", 1)).await, Some(vec![7; 9]));
    take(&wish("b", 0)).await;
    assert_eq!(wishes().await.len(), 2);

    // What is told is bounded, too, and is gone where nobody tells it again.
    let many: Vec<Parcel> = (0..=PARCELS_MAX).map(|n| parcel(&format!("n{n}"), 0)).collect();
    assert_eq!(tell(&has, &many).await.parcels.len(), PARCELS_MAX);
    for key in ["told", "told_at", "wishes", "piece:a/roster/2"] {
        let left_ms = ask(&redis, &format!("PTTL fairgate:{{final}}:draws:{key}")).await;
        let left_ms: i64 = left_ms.trim_start_matches("int(").trim_end_matches(')').parse().unwrap();
        assert!((1..=60_000).contains(&left_ms), "{key} stands for {left_ms} ms");
    }
    assert_eq!(
        ask(&redis, "HSET fairgate:{final}:draws:told x {\"name\":\"../x\",\"at_ms\":1,\"files\":[]}").await,
        "int(1)"
    );
    assert!(tell(&has, &[]).await.parcels.iter().all(|parcel| parcel.name.starts_with('n')));
}
