//! Revoked codes: what one edge of a fleet tells is known to all, and is known again when Redis has lost it.

use fairgate_store::Store;
use fairgate_testkit::PrivateRedis;

use crate::redis::{ask, open_url};

const LIST: [u8; 32] = [7; 32];
const OTHER_LIST: [u8; 32] = [8; 32];

#[tokio::test]
async fn what_one_edge_revokes_all_learn_and_a_redis_that_lost_it_is_told_again() {
    let redis = PrivateRedis::start().unwrap();
    let (one, other) = (open_url(&redis.url()), open_url(&redis.url()));
    let tell = |store, campaign, list, bits: &'static [u8]| {
        let store: &fairgate_store::redis::RedisStore = store;
        async move { store.unite_revoked(campaign, list, bits).await.unwrap() }
    };
    assert_eq!(tell(&one, "spring", &LIST, &[0, 0b1]).await, None, "nobody has told more");
    assert_eq!(tell(&other, "spring", &LIST, &[0b10, 0]).await, Some(vec![0b10, 0b1]));
    assert_eq!(tell(&one, "spring", &LIST, &[0, 0b1]).await, Some(vec![0b10, 0b1]));
    for _ in 0..2 {
        assert_eq!(tell(&one, "spring", &LIST, &[0b10, 0b1]).await, None, "all of it is known here");
    }
    assert_eq!(tell(&one, "spring", &OTHER_LIST, &[0, 0]).await, None, "ranks of another list are other codes");
    assert_eq!(tell(&one, "summer", &LIST, &[0, 0]).await, None);
    ask(&redis, "FLUSHALL").await;
    assert_eq!(tell(&other, "spring", &LIST, &[0b10, 0]).await, None);
    assert_eq!(tell(&one, "spring", &LIST, &[0b10, 0b1]).await, None);
    assert_eq!(tell(&other, "spring", &LIST, &[0b10, 0]).await, Some(vec![0b10, 0b1]), "it was told again");
}
