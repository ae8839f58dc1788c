//! The database fails over to a standby that was behind: a sink knows what the log has lost, says so, and waits for a person.

use std::time::Duration;

use fairgate_booking::outbox::Message;
use fairgate_testkit::{ChildProcess, PostgresSetup, PrivatePostgres, PrivateRedis};
use reqwest::StatusCode;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::shop::{Env, Fan, Shop, free_address};
use crate::world::World;

async fn connect(postgres: &PrivatePostgres) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.expect("it answers");
    tokio::spawn(connection);
    client
}

async fn until(what: &str, done: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if done().await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came");
}

async fn sell(fan: &Fan) {
    let held = fan.reserve_best("r", "pit", 1).await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.text);
}

/// The command over the standby, which is the database from now on.
fn over(world: &World, standby: &PrivatePostgres, args: &[&str]) -> (bool, String) {
    let mut command = world.command(args);
    let output = command.env("FAIRGATE_DATABASE_URL", standby.url()).output().expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn relay_over(world: &World, standby: &PrivatePostgres) -> ChildProcess {
    let mut command = world.command(&["relay"]);
    command.arg("--exit-with-stdin").env("FAIRGATE_DATABASE_URL", standby.url());
    let mut child = ChildProcess::spawn("the relay", command).expect("the binary is built");
    child.wait_for_line("publishing to", Duration::from_secs(30)).expect("it starts");
    child
}

/// From here on the standby hears nothing more of its primary.
async fn cut_off(primary: &Client) {
    let behind = "select count(*) from pg_stat_replication where replay_lsn < pg_current_wal_lsn()";
    until("the standby", async || primary.query_one(behind, &[]).await.expect("a count").get::<_, i64>(0) == 0).await;
    let access: String = primary.query_one("show hba_file", &[]).await.expect("a path").get(0);
    std::fs::write(access, "local replication all reject\nlocal all all trust\n").expect("written");
    let end = "select pg_reload_conf(); select pg_terminate_backend(pid) from pg_stat_replication";
    primary.batch_execute(end).await.expect("it is told");
    let follows = "select count(*) from pg_stat_replication";
    until("the end", async || primary.query_one(follows, &[]).await.expect("a count").get::<_, i64>(0) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_knows_what_the_log_has_lost_stops_until_a_person_accepts_it() {
    let primary = Shop::postgres(PostgresSetup::default());
    let mut standby = primary.start_standby(PostgresSetup::default()).expect("a standby starts");
    let on_primary = connect(&primary).await;
    let url = primary.url();
    let alone: Env = vec![("FAIRGATE_WITHOUT", "mail,insight".to_owned())];
    let redis = PrivateRedis::start().expect("Redis is installed by `make setup`");
    let mut world = World { shop: Shop::open_at(primary, url, &free_address(), alone), redis };
    let mut relay = world.relay();
    for place in 0..3 {
        sell(&world.shop.fan(place)).await;
    }
    let shared = world.all_messages().await.len();

    // Four more, of which the standby never hears. The stream has them.
    cut_off(&on_primary).await;
    for place in 3..7 {
        sell(&world.shop.fan(place)).await;
    }
    let told: Vec<i64> = world.all_messages().await.iter().map(|message| message.id).collect();
    assert_eq!(told.len(), shared + 4);
    relay.kill9();
    world.shop.core.kill9();
    world.shop.postgres.kill9();
    standby.promote().expect("it is promoted");
    let (mut core, core_url) = world.shop.another_core_at(&standby.url());
    let fan = |place| Fan { url: core_url.clone(), ..world.shop.fan(place) };
    sell(&fan(10)).await;

    // Nothing is published, and everybody who asks is told why.
    let mut relay = relay_over(&world, &standby);
    until("that it is ahead", async || over(&world, &standby, &["sinks"]).1.contains("stopped: it knows change")).await;
    let sinks = over(&world, &standby, &["sinks"]).1;
    let last = told.last().expect("some");
    assert!(sinks.contains(&format!("it knows change {last}, which this database has lost")), "{sinks}");
    sell(&fan(11)).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.messages().await.len(), told.len(), "no number comes to mean something else");
    let (is_done, said) = over(&world, &standby, &["sink", "accept-loss", "archive"]);
    assert!(!is_done && said.contains("archive knows nothing that the change log has lost"), "{said}");

    // Accepted: what happens from now on is published, with numbers that nobody knows.
    let (is_done, said) = over(&world, &standby, &["sink", "accept-loss", "redis"]);
    assert!(is_done && said.starts_with(&format!("redis goes on after number {last}\n")), "{said}");
    sell(&fan(12)).await;
    let sql = connect(&standby).await;
    let newest = "select max(change_id) from change_log";
    let newest: i64 = sql.query_one(newest, &[]).await.expect("a number").get(0);
    assert!(newest > *last);
    let numbers = async || world.messages().await.iter().map(|message: &Message| message.id).collect::<Vec<_>>();
    until("what is new", async || numbers().await.last() == Some(&newest)).await;
    let numbers = numbers().await;
    assert!(numbers.is_sorted() && numbers.starts_with(&told), "{numbers:?}");
    assert!(!over(&world, &standby, &["sinks"]).1.contains("stopped"));
    assert!(!over(&world, &standby, &["sink", "accept-loss", "redis"]).0, "once");
    relay.stop();
    core.stop();
}
