//! A draw without tiers in a draw log: both verifiers read the log, count its outside witnesses, and name each cheat.

use std::fs;
use std::path::Path;

use fairgate_draw::log::{Batch, KeptCosignature, KeptLog, KeyKind, LogPath, NoteSigner, Statement};
use tempfile::TempDir;

use crate::published::{Draw, ROUND_MS};
use crate::verifier::{Verdict, fairgate, python};

const NAME: &str = "tickets.example/.fairgate/draw.log";

fn signer() -> NoteSigner {
    NoteSigner::new(NAME, KeyKind::Log, &[7; 32]).unwrap()
}

fn witness() -> NoteSigner {
    NoteSigner::new("witness.example/w1", KeyKind::Witness, &[8; 32]).unwrap()
}

/// What an honest operator logs of a draw.
fn statements(draw: &Draw) -> Vec<Statement> {
    let record = &draw.record;
    let announced = Statement::announcement(
        record.descriptor_digest,
        record.descriptor.canonical_json(),
        draw.keys.public().thumbprints(),
    );
    [Some(announced), record.freeze_statement(), record.reveal_statement()].into_iter().flatten().collect()
}

/// The log, a batch a statement, each cosigned a minute before the round of these draws.
fn log_of(statements: &[Statement]) -> KeptLog {
    let mut log = KeptLog::new(signer());
    for statement in statements {
        log.push(&Batch::of(std::slice::from_ref(statement)).unwrap()).unwrap();
        let (size, witness) = (log.size(), witness());
        let line = witness.cosign(&log.note(size).unwrap(), ROUND_MS / 1000 - 60);
        assert!(log.cosign(&KeptCosignature { size, witness: witness.key().clone(), line }));
    }
    log
}

/// Publishes a draw, and what a log shows of it.
fn publish(draw: &mut Draw, log: &KeptLog) -> TempDir {
    draw.record.log = Some(signer().key().to_string());
    let folder = draw.publish();
    let size = log.size();
    for file in ["checkpoint".to_owned(), format!("tile/0/000.p/{size}"), format!("tile/entries/000.p/{size}")] {
        let path = folder.path().join("draw.log").join(&file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, LogPath::parse(&file).unwrap().of(log).unwrap()).unwrap();
    }
    for (index, statement) in (0..).zip(log.statements()) {
        let kind = statement.to_string().lines().next().unwrap()[12..].to_owned();
        fs::write(folder.path().join(format!("{kind}.tlog-proof")), log.proof(index).unwrap().to_string()).unwrap();
    }
    folder
}

fn verify(folder: &Path, more: &[&Path]) -> [Verdict; 2] {
    let key = witness().key().to_string();
    let mut options = vec!["--witness-key".as_ref(), key.as_ref()];
    more.iter().for_each(|paper| options.extend(["--witness".as_ref(), paper.as_os_str()]));
    let ours = fairgate(folder, &options);
    options.insert(0, folder.as_ref());
    [ours, python(&options)]
}

#[test]
fn an_honest_log_holds_and_its_witness_is_counted() {
    let mut draw = Draw::with_beacon(20);
    let log = log_of(&statements(&draw));
    let folder = publish(&mut draw, &log);
    for verdict in verify(folder.path(), &[]) {
        verdict.assert_holds();
        assert!(verdict.said.contains("witness.example/w1 saw the freeze"), "{verdict:?}");
    }
}

#[test]
fn each_cheat_fails_at_the_log() {
    type Cheat = fn(&Draw, &mut Vec<Statement>);
    let cheats: [(&str, Cheat); 6] = [
        ("two freezes", |_, log| {
            let Statement::Freeze { draw, at_ms, tiers } = log[1].clone() else { panic!() };
            log.insert(2, Statement::Freeze { draw, at_ms: at_ms + 1, tiers });
        }),
        ("another freeze", |_, log| {
            let Statement::Freeze { draw, at_ms, tiers } = log[1].clone() else { panic!() };
            log[1] = Statement::Freeze { draw, at_ms: at_ms - 1, tiers };
        }),
        ("no freeze", |_, log| drop(log.remove(1))),
        ("the end before the freeze", |_, log| log.swap(1, 2)),
        ("a void draw", |draw, log| log.push(Statement::Void { draw: draw.record.descriptor_digest })),
        ("another key", |draw, log| {
            let record = &draw.record;
            log[0] =
                Statement::announcement(record.descriptor_digest, record.descriptor.canonical_json(), vec![[9; 32]]);
        }),
    ];
    for (name, cheat) in cheats {
        let mut draw = Draw::with_beacon(20);
        let mut stated = statements(&draw);
        cheat(&draw, &mut stated);
        let folder = publish(&mut draw, &log_of(&stated));
        let [ours, independent] = verify(folder.path(), &[]);
        assert_eq!(ours.failed_step(), Some("log"), "{name}: {ours:?}");
        // It checks no signatures of records, so it does not ask whose they are.
        if name != "another key" {
            assert_eq!(independent.failed_step(), Some("log"), "{name}: {independent:?}");
        }
    }
}

#[test]
fn a_log_that_forked_or_lost_its_end_is_convicted_by_a_saved_checkpoint() {
    let mut draw = Draw::with_beacon(20);
    let mut stated = statements(&draw);
    let seen = log_of(&stated);
    stated.insert(1, Statement::Key { draw: draw.record.descriptor_digest, key: [3; 32] });
    let folder = publish(&mut draw, &log_of(&stated));
    let saved = folder.path().join("saved.note");
    fs::write(&saved, seen.latest().to_string()).unwrap();
    for verdict in verify(folder.path(), &[&saved]) {
        assert_eq!(verdict.failed_step(), Some("log"), "{verdict:?}");
    }
    stated.remove(1);
    stated.push(Statement::Void { draw: [4; 32] });
    let longer = log_of(&stated);
    let folder = publish(&mut draw, &seen);
    let saved = folder.path().join("saved.note");
    fs::write(&saved, longer.latest().to_string()).unwrap();
    for verdict in verify(folder.path(), &[&saved]) {
        assert_eq!(verdict.failed_step(), Some("log"), "{verdict:?}");
    }
}

/// A browser that was shown one log is shown another one.
#[test]
fn a_log_that_is_named_later_or_no_more_is_a_change_of_the_record() {
    let mut draw = Draw::with_beacon(20);
    let log = log_of(&statements(&draw));
    let before = publish(&mut draw, &log);
    let saw = fs::read_to_string(before.path().join("draw.json")).unwrap();
    draw.record.log = None;
    let folder = draw.publish();
    let paper = folder.path().join("saw.json");
    fs::write(&paper, saw).unwrap();
    fairgate(folder.path(), &["--witness".as_ref(), paper.as_ref()]).assert_fails_at("witness");
}
