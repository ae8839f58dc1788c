//! A core behind PgBouncer, which gives each transaction any of its connections and takes no `options`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fairgate_booking::db::Database;
use fairgate_testkit::PrivatePostgres;
use reqwest::StatusCode;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::books::audit;
use crate::shop::{EVENT, Env, Fan, Shop, bit, free_address};

/// Runs the pooler until the pipe ends.
const WATCHER: &str = r#""$@" & pid=$!; read -r _; kill $pid; wait $pid"#;
const PATIENCE: Duration = Duration::from_secs(10);

/// A PgBouncer in front of a server; it ends when it is dropped, and with this process.
struct PgBouncer {
    dir: TempDir,
    running: Option<(Child, ChildStdin)>,
}

impl PgBouncer {
    fn start(postgres: &PrivatePostgres, setting: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // It may have to become somebody else than root.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let config = format!(
            "[databases]\npostgres = host={} port=5432 user=fairgate\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 6\n\
             max_client_conn = 200\n{setting}\n",
            postgres.socket_dir().display(),
            dir.path().display()
        );
        let file = dir.path().join("pgbouncer.ini");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", WATCHER, "sh", "pgbouncer", "-q"]);
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "postgres"]);
        }
        command.arg(&file).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watcher = command.spawn().expect("sh runs");
        let pipe = watcher.stdin.take().unwrap();
        let started = Instant::now();
        while !dir.path().join(".s.PGSQL.6432").exists() {
            assert!(started.elapsed() < PATIENCE, "PgBouncer does not start; `make setup` installs it");
            thread::sleep(Duration::from_millis(5));
        }
        Self { dir, running: Some((watcher, pipe)) }
    }

    fn url(&self, parameters: &str) -> String {
        let dir = self.dir.path().to_string_lossy().replace('/', "%2F");
        format!("postgresql://fairgate@{dir}:6432/postgres{parameters}")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some((mut watcher, pipe)) = self.running.take() {
            drop(pipe);
            let _ = watcher.wait();
        }
    }
}

/// Two cores sell, and learn of each other, through the pooler; nothing of them stays in the sessions that others get.
async fn sell(postgres: PrivatePostgres, pooler: &PgBouncer, parameters: &str) {
    let url = pooler.url(parameters);
    let shop = Shop::open_at(postgres, url.clone(), &free_address(), Env::new());
    let (_other, other_url) = shop.another_core_at(&url);
    let first = shop.fan(1).reserve_seats("a", &["pit-GA-1", "pit-GA-2"]).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let number = first.field("booking_id");
    assert_eq!(shop.fan(1).pay(number, "p", "demo-visa").await.status, StatusCode::OK);
    let started = Instant::now();
    loop {
        let bits = shop.http.get(format!("{other_url}/api/v1/events/{EVENT}/availability")).send().await;
        let bits = bits.expect("the other core answers").bytes().await.expect("a body");
        if !bit(&bits, 0) && !bit(&bits, 1) && bit(&bits, 2) {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "the other core does not hear of it");
        sleep(Duration::from_millis(50)).await;
    }
    let fans = (10..130u64).map(|place| {
        let url = if place % 2 == 0 { shop.url.clone() } else { other_url.clone() };
        let fan = Fan { url, ..shop.fan(place) };
        async move {
            let held = fan.reserve_best("k", "gallery", 2).await;
            if place % 3 == 0 { fan.cancel(held.field("booking_id")).await } else { held }
        }
    });
    let answers: Vec<_> = futures_util::future::join_all(fans).await;
    let odd = answers.iter().find(|answer| !answer.status.is_success());
    assert_eq!(odd, None);
    audit(&mut shop.sql().await).await;
    let through = Database::new(&url).unwrap().own_connection().await.unwrap();
    for _ in 0..20 {
        // (Whoever has the turn of a sink keeps a lock in a transaction of its own.)
        let left = "select (select count(*) from pg_prepared_statements) || ' ' || (select count(*) from pg_locks \
                    where locktype = 'advisory' \
                    and classid <> (hashtext('fairgate.sink')::bigint & 4294967295)::oid) || ' ' || \
                    current_setting('enable_seqscan')";
        let said = through.simple_query(left).await.expect("it is asked");
        let row = said.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        assert_eq!(row, Some("0 0 on"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cores_sell_through_pgbouncer_from_an_empty_database_on() {
    let postgres = PrivatePostgres::start().expect("Postgres is installed by `make setup`");
    let pooler = PgBouncer::start(&postgres, "");
    sell(postgres, &pooler, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_drops_the_options_in_silence_is_noticed() {
    let postgres = Shop::postgres(Default::default());
    let pooler = PgBouncer::start(&postgres, "ignore_startup_parameters = options");
    sell(postgres, &pooler, "").await;
}
