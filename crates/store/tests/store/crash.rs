//! Real processes that are killed, and disks that are full.
//!
//! The test binary starts itself again for the process that is to suffer: the ignored tests here are such processes.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;

use fairgate_core::room::{Command, Entry, Outcome, SalePlan};
use fairgate_store::embedded::EmbeddedStore;
use fairgate_store::{Store, StoreError};
use fairgate_telemetry::clock::{Clock, SystemClock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::embedded::policy;
use crate::operations::ROOM;

const DIR: &str = "FAIRGATE_TEST_DIR";

/// A command that runs one of the ignored tests below as a process of its own.
fn process(test: &str, dir: &Path) -> Process {
    let mut process = Process::new("sh");
    // A write beyond the file size limit shall fail, as on a full disk, and not kill the process.
    process.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]).arg(env::current_exe().unwrap());
    process.args(["--exact", &format!("crash::{test}"), "--ignored", "--nocapture"]);
    process.env(DIR, dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    process
}

/// The store of such a process.
fn open_named_dir() -> Arc<EmbeddedStore> {
    let dir = PathBuf::from(env::var_os(DIR).expect("this is a part of another test"));
    Arc::new(EmbeddedStore::open(dir, Arc::new(SystemClock)).unwrap())
}

fn plan() -> SalePlan {
    let now_ms = SystemClock.now_ms();
    let (opens_at_ms, starts_at_ms) = (now_ms - 1, now_ms + 3_600_000);
    SalePlan {
        room: ROOM.into(),
        opens_at_ms,
        starts_at_ms,
        ends_at_ms: None,
        beacon: None,
        secret: [7; 32],
        config_version: 0,
        policy: policy(),
        rules: None,
    }
}

async fn join(store: &EmbeddedStore, entry: Entry) -> Result<u64, StoreError> {
    match store.apply(ROOM, Command::Enter(vec![entry])).await? {
        Outcome::Entered(positions) => Ok(positions[0].number()),
        other => panic!("answered {other:?}"),
    }
}

/// Joins for ever, eight at a time, and says each answer.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process that kill_9_loses_no_answered_entry starts and kills"]
async fn joins_until_killed() {
    let store = open_named_dir();
    // Another run of this process may have made the plan already, with other times.
    drop(store.apply(ROOM, Command::Schedule(plan())).await);
    let fan = |fan: u8| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            loop {
                let entry: Entry = rand::random();
                let index = join(&store, entry).await.expect("the pool is open");
                let line = format!("entered {index} {}\n", hex::encode(entry));
                std::io::stdout().write_all(line.as_bytes()).unwrap_or_else(|_| std::process::exit(fan.into()));
            }
        })
    };
    futures_util::future::join_all((0..8).map(fan)).await;
}

/// Reads answers until there are so many, kills the process, and reads what else it had said.
fn kill_after(mut child: Child, answers: usize, entered: &mut HashMap<u64, String>) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n');
    let mut note = |line: Vec<u8>| {
        let line = String::from_utf8(line).unwrap();
        let Some((index, entry)) = line.strip_prefix("entered ").and_then(|rest| rest.split_once(' ')) else { return };
        if entry.len() == 64 {
            assert_eq!(entered.insert(index.parse().unwrap(), entry.to_owned()), None, "index {index} was given twice");
        }
    };
    lines.by_ref().take(answers).for_each(|line| note(line.unwrap()));
    child.kill().unwrap();
    lines.for_each(|line| note(line.unwrap()));
    child.wait().unwrap();
}

#[tokio::test]
async fn kill_9_loses_no_answered_entry() {
    let dir = tempfile::tempdir().unwrap();
    let mut entered = HashMap::new();
    for round in 1..=6 {
        let child = process("joins_until_killed", dir.path()).spawn().unwrap();
        kill_after(child, round * 40, &mut entered);
    }
    let store = EmbeddedStore::open(dir.path(), Arc::new(SystemClock)).unwrap();
    let roster = store.roster(ROOM, 0..u64::MAX).await.unwrap();
    let roster = roster.as_chunks::<32>().0;
    assert!(entered.len() > 6 * 40, "{} entries were answered", entered.len());
    for (index, entry) in &entered {
        assert_eq!(hex::encode(roster[usize::try_from(*index).unwrap()]), *entry, "index {index}");
    }
    let next = join(&store, [1; 32]).await.unwrap();
    assert_eq!(next, roster.len() as u64);
}

/// Joins until the disk is full, goes on when there is room again, and checks that nothing was lost or made up.
#[tokio::test]
#[ignore = "a process that a_full_disk_is_an_error_and_not_the_end starts with failing writes instead of a signal"]
async fn fills_the_disk() {
    let store = open_named_dir();
    store.apply(ROOM, Command::Schedule(plan())).await.unwrap();
    let limit = getrlimit(Resource::Fsize);
    let mut answered: Vec<Entry> = Vec::new();
    for bytes in [10_000, 20_000] {
        setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), ..limit }).unwrap();
        for attempt in 0_u64..1_000 {
            let mut entry = [0; 32];
            entry[..16].copy_from_slice([bytes, attempt].map(u64::to_be_bytes).as_flattened());
            match join(&store, entry).await {
                Ok(index) => {
                    assert_eq!(index, answered.len() as u64);
                    answered.push(entry);
                }
                Err(StoreError::Unavailable(why)) => {
                    assert!(why.contains("File too large"), "{why}");
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        // A room that cannot write can be looked at, and still refuses.
        assert_eq!(store.view(ROOM).await.unwrap().pool_size, answered.len() as u64);
        assert!(matches!(join(&store, [9; 32]).await, Err(StoreError::Unavailable(_))));
    }
    setrlimit(Resource::Fsize, limit).unwrap();
    assert_eq!(join(&store, [9; 32]).await.unwrap(), answered.len() as u64);
    answered.push([9; 32]);
    drop(store);
    let roster = open_named_dir().roster(ROOM, 0..u64::MAX).await.unwrap();
    assert_eq!(roster, answered.as_flattened());
    assert!(answered.len() > 300, "{} entries fit", answered.len());
}

#[test]
fn a_full_disk_is_an_error_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let output = process("fills_the_disk", dir.path()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
