//! What others do, as pgbench scripts on the same server: the ceiling of one commit a reservation, the textbook, and the
//! naive ways.

use std::process::Command;

use anyhow::{Context, ensure};

use super::shop::Shop;

pub(super) const SECONDS: u32 = 3;
/// Units of the one hot event.
const UNITS: u32 = 400_000;

/// One way to reserve 1 to 4 units of one hot event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) name: &'static str,
    script: &'static str,
}

/// The ceiling: one random row by its key, one commit each.
pub(super) const UPDATE: Way = Way {
    name: "pgbench one-row UPDATE",
    script: "\\set id random(1, 100000)\nupdate reference.row set n = n + 1 where id = :id;",
};

/// What the textbooks say.
pub(super) const SKIP_LOCKED: Way = Way {
    name: "textbook SKIP LOCKED",
    script: "\\set k random(1, 4)
with booked as (insert into reference.booking (quantity) values (:k) returning booking_id)
update reference.unit set booking_id = (select booking_id from booked)
where event_id = 1 and unit = any(array(
    select unit from reference.unit where event_id = 1 and booking_id is null order by unit limit :k for update skip locked));",
};

/// What people do instead.
pub(super) const NAIVE: [Way; 3] = [
    Way {
        name: "FOR UPDATE",
        script: "\\set k random(1, 4)
with booked as (insert into reference.booking (quantity) values (:k) returning booking_id)
update reference.unit set booking_id = (select booking_id from booked)
where event_id = 1 and unit = any(array(
    select unit from reference.unit where event_id = 1 and booking_id is null order by unit limit :k for update));",
    },
    Way {
        name: "a hot counter",
        script: "\\set k random(1, 4)
with taken as (update reference.stock set free = free - :k where event_id = 1 and free >= :k returning 1)
insert into reference.booking (quantity) select :k from taken;",
    },
    Way {
        name: "a version column",
        script: "\\set k random(1, 4)
select version from reference.stock where event_id = 1 \\gset
with taken as (
    update reference.stock set free = free - :k, version = version + 1 where event_id = 1 and version = :version returning 1)
insert into reference.booking (quantity) select :k from taken;",
    },
];

/// Makes the tables.
pub(super) async fn prepare(shop: &Shop) -> anyhow::Result<()> {
    let client = shop.database.own_connection().await?;
    let tables = format!(
        "create schema reference;
        create table reference.row (id integer primary key, n bigint not null default 0);
        insert into reference.row (id) select generate_series(1, 100000);
        create table reference.booking (
            booking_id bigint generated always as identity primary key, quantity integer not null,
            created_at timestamptz not null default now());
        create table reference.stock (event_id integer primary key, free bigint not null, version bigint not null default 0);
        insert into reference.stock values (1, 1000000000000);
        create table reference.unit (
            event_id integer not null, unit integer not null, booking_id bigint, primary key (event_id, unit));
        insert into reference.unit select 1, unit from generate_series(1, {UNITS}) as unit;
        create index on reference.unit (event_id, unit) where booking_id is null;"
    );
    client.batch_execute(&tables).await?;
    client.batch_execute("vacuum analyze").await?;
    Ok(())
}

/// Reservations a second in one way: those that got what they asked for.
pub(super) async fn reservations_a_second(shop: &Shop, way: Way, clients: u32) -> anyhow::Result<f64> {
    let client = shop.database.own_connection().await?;
    client.batch_execute("truncate reference.booking").await?;
    let transactions = run(shop, way, clients)?;
    let booked: i64 = client.query_one("select count(*) from reference.booking", &[]).await?.get(0);
    Ok(if booked == 0 { transactions } else { booked as f64 / f64::from(SECONDS) })
}

/// Transactions a second.
fn run(shop: &Shop, way: Way, clients: u32) -> anyhow::Result<f64> {
    let script = tempfile::NamedTempFile::new()?;
    std::fs::write(script.path(), way.script)?;
    let mut command = Command::new(shop.postgres.programs().join("pgbench"));
    command.arg("-h").arg(shop.postgres.socket_dir()).args(["-U", "fairgate", "-n", "-M", "prepared", "-j", "2"]);
    command.args(["-c", &clients.to_string(), "-T", &SECONDS.to_string(), "-f"]).arg(script.path()).arg("postgres");
    let output = command.output().context("cannot run pgbench: it comes with Postgres")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "pgbench {}: {text}{}", way.name, String::from_utf8_lossy(&output.stderr));
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    tps.with_context(|| format!("cannot read pgbench's answer:\n{text}"))
}
