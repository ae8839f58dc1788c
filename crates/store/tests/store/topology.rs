//! Several servers that belong together: Sentinels that elect a master, and a cluster of several.

use std::time::Duration;

use fairgate_core::room::{Command, Outcome, Position, SalePlan};
use fairgate_store::Store;
use fairgate_store::redis::RedisStore;
use fairgate_testkit::PrivateRedis;
use tokio::time::{sleep, timeout};

use crate::operations::{ROOM, entry};
use crate::redis::{ask, is_of_use, open_plan, open_url};

/// Sentinels tell each other of themselves every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let looks = async {
        while !is_so().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, looks).await.unwrap_or_else(|_| panic!("never {what}"));
}

fn sentinel(master: &PrivateRedis) -> PrivateRedis {
    let watched = format!("onsale 127.0.0.1 {} 2", master.address().port());
    #[rustfmt::skip]
    let settings = [
        "sentinel", "yes", "sentinel monitor", &watched, "sentinel down-after-milliseconds", "onsale 500",
        "sentinel failover-timeout", "onsale 3000",
    ];
    PrivateRedis::start_with(&settings).unwrap()
}

#[tokio::test]
async fn three_sentinels_elect_another_master_and_the_room_goes_on_there() {
    let mut master = PrivateRedis::start_with(&["save", "", "repl-diskless-sync-delay", "0"]).unwrap();
    let of_master = format!("127.0.0.1 {}", master.address().port());
    let replica = PrivateRedis::start_with(&["save", "", "replicaof", &of_master]).unwrap();
    let sentinels = [sentinel(&master), sentinel(&master), sentinel(&master)];
    let addresses = sentinels.each_ref().map(|sentinel| sentinel.address().to_string()).join(",");
    let edge = open_url(&format!("redis+sentinel://{addresses}/onsale"));
    is_of_use(&edge).await;
    let known = edge.view(ROOM).await.unwrap();
    until("known to each other", async || {
        let mut is_known = ask(&replica, "INFO replication").await.contains("master_link_status:up");
        for sentinel in &sentinels {
            let master = ask(sentinel, "INFO sentinel").await;
            is_known &= master.contains("slaves=1,sentinels=3");
        }
        is_known
    })
    .await;

    master.kill9();
    until("found again", async || edge.view(ROOM).await.is_ok()).await;
    let role = ask(&replica, "INFO replication").await;
    assert!(role.contains("role:master"), "the edge is elsewhere: {role}");
    let view = edge.view(ROOM).await.unwrap();
    assert_eq!(view.draw, known.draw);
    // The replica had the end: nobody knows more.
    assert_eq!(view.pool_size, 2);
    assert_eq!(edge.roster(ROOM, 0..2).await.unwrap(), [[1_u8; 32], [2; 32]].as_flattened());
    until("mended", async || !edge.view(ROOM).await.unwrap().mending).await;
    let later = edge.apply(ROOM, Command::Enter(vec![entry(3)])).await.unwrap();
    assert_eq!(later, Outcome::Entered(vec![Position::Pool(2)]));
}

fn free_port() -> String {
    fairgate_testkit::free_port().unwrap().to_string()
}

/// A node that has some of the slots. Its second port is not ten thousand above the first, which might be none.
pub(crate) async fn cluster_node(epoch: usize, slots: &str) -> PrivateRedis {
    let node = PrivateRedis::start_with(&["cluster-enabled", "yes", "save", "", "cluster-port", &free_port()]).unwrap();
    ask(&node, &format!("CLUSTER SET-CONFIG-EPOCH {epoch}")).await;
    ask(&node, &format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
    node
}

async fn schedule(edge: &RedisStore, room: &str) {
    edge.apply(room, Command::Schedule(SalePlan { room: room.to_owned(), ..open_plan() })).await.unwrap();
    let entered = edge.apply(room, Command::Enter(vec![entry(1), entry(2)])).await.unwrap();
    assert_eq!(entered, Outcome::Entered(vec![Position::Pool(0), Position::Pool(1)]));
}

#[tokio::test]
async fn rooms_are_spread_over_the_masters_of_a_cluster() {
    let nodes =
        [cluster_node(1, "0 5460").await, cluster_node(2, "5461 10922").await, cluster_node(3, "10923 16383").await];
    for node in &nodes[1..] {
        let bus = ask(node, "CONFIG GET cluster-port").await;
        let bus: String = bus.chars().filter(char::is_ascii_digit).collect();
        ask(&nodes[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.address().port())).await;
    }
    until("one cluster", async || {
        let mut is_whole = true;
        for node in &nodes {
            let info = ask(node, "CLUSTER INFO").await;
            is_whole &= info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3");
        }
        is_whole
    })
    .await;

    let edge = open_url(&format!("redis+cluster://{}", nodes[0].address()));
    for number in 0..12 {
        schedule(&edge, &format!("hall-{number}")).await;
    }
    for node in &nodes {
        let keys = ask(node, "DBSIZE").await;
        assert_ne!(keys, "int(0)", "a master has no room");
    }
    assert_eq!(edge.view("hall-7").await.unwrap().pool_size, 2);
}
