//! What the draw log says of a draw, and how far outside witnesses confirm it.
//!
//! Guarantees: the log's own signature is checked before anything in it is; a fork is told by two of its checkpoints; witnesses
//! that were not named to the verifier count for nothing.

mod tiles;

use fairgate_draw::log::{Checkpoint, Logged, Statement, TlogProof, VerifierKey};
use fairgate_draw::{Descriptor as DescriptorV1, Hash, Record as RecordV1, Verdict, v2};

use self::tiles::{LogFiles, ReadLog};
use super::source::{Source, SourceError};
use super::witness::seconds;
use super::{Evidence, Witness};

/// How the key that signed the record is named in the log.
pub(super) type Thumbprint = Hash;

/// What a record of either version says that the log should say, too.
#[derive(Debug)]
pub(super) struct Subject {
    /// The log's vkey.
    pub(super) log: Option<String>,
    digest: Hash,
    commitment: Hash,
    opens_at_ms: u64,
    freeze: Option<Statement>,
    reveal: Option<Statement>,
    round: Round,
}

/// The round that a draw waits for.
#[derive(Clone, Copy, Debug)]
enum Round {
    /// The draw waits for none.
    None,
    /// Its number and its time, Unix ms.
    At(u64, u64),
    /// Nobody knows its time.
    Unknown,
}

impl From<&v2::Record> for Subject {
    fn from(record: &v2::Record) -> Self {
        let rounds = record.descriptor.beacon.as_ref().zip(record.frozen_at_ms);
        let round = rounds.and_then(|(rounds, at_ms)| rounds.after_freeze(at_ms).ok());
        let at = round.and_then(|round| Some(Round::At(round.round, round.time_ms().ok()?)));
        Self {
            log: record.log.clone(),
            digest: record.descriptor_digest,
            commitment: record.descriptor.commitment,
            opens_at_ms: record.descriptor.opens_at_ms,
            freeze: record.freeze_statement(),
            reveal: record.reveal_statement(),
            round: if record.descriptor.beacon.is_none() { Round::None } else { at.unwrap_or(Round::Unknown) },
        }
    }
}

impl From<&RecordV1> for Subject {
    fn from(record: &RecordV1) -> Self {
        let round = record.descriptor.beacon.as_ref();
        let at = round.and_then(|round| Some(Round::At(round.round, round.time_ms().ok()?)));
        Self {
            log: record.log.clone(),
            digest: record.descriptor_digest,
            commitment: record.descriptor.commitment,
            opens_at_ms: record.descriptor.opens_at_ms,
            freeze: record.freeze_statement(),
            reveal: record.reveal_statement(),
            round: if round.is_none() { Round::None } else { at.unwrap_or(Round::Unknown) },
        }
    }
}

/// What is found.
#[derive(Debug, Default)]
pub(super) struct LogReport {
    /// Of the log, of each proof and of each saved checkpoint.
    pub(super) verdicts: Vec<Verdict>,
    /// Where another descriptor has the draw's commitment, in the words of a report.
    pub(super) secret_used_twice: Option<String>,
    /// Who saw what when.
    pub(super) notes: Vec<String>,
    /// How many of the outside witnesses that the verifier was told of saw the freeze in time.
    pub(super) witnessed: usize,
}

/// A proof that is published beside the record.
struct Proof {
    kind: &'static str,
    logged: Logged,
    /// Who signed besides the log, as it says.
    signers: Vec<String>,
}

/// Checks everything that is published of the log; `signed_by` is the key that signed the record.
pub(super) fn check(
    source: &Source,
    evidence: &Evidence,
    record: &Subject,
    signed_by: Option<Thumbprint>,
) -> Result<LogReport, SourceError> {
    let mut report = LogReport::default();
    let Some(vkey) = &record.log else {
        report.verdicts.push(Verdict::Open("the record names no draw log".into()));
        return Ok(report);
    };
    let files = match LogFiles::of(vkey) {
        Ok(files) => files,
        Err(why) => {
            report.verdicts.push(Verdict::Fails(why));
            return Ok(report);
        }
    };
    let log = match files.read(source)? {
        Ok(log) => log,
        Err(verdict) => {
            report.verdicts.push(verdict);
            None
        }
    };
    if let Some(log) = &log {
        report.verdicts.push(judge_log(log, record, signed_by));
        report.secret_used_twice = secret_used_twice(log, record);
    }
    let proofs = read_proofs(source, evidence, record, (&files.key, log.as_ref()), &mut report)?;
    let mut known: Vec<(String, Checkpoint)> = proofs
        .iter()
        .map(|proof| (format!("the proof of its {}", proof.kind), proof.logged.checkpoint.clone()))
        .collect();
    known.extend(saved(&evidence.witnesses, &files.key, &mut report));
    report.verdicts.extend(forks(&known, log.as_ref()));
    if report.verdicts.is_empty() {
        report.verdicts.push(Verdict::Open("nothing of the draw log is published".into()));
    }
    note_witnesses(&proofs, record, log.as_ref(), &mut report);
    Ok(report)
}

/// One `draw`, one `freeze`, one `reveal`, in that order, and all of them as the record has them.
fn judge_log(log: &ReadLog, record: &Subject, signed_by: Option<Thumbprint>) -> Verdict {
    let own = log.of_draw(&record.digest);
    let mut stages: [Option<u64>; 3] = [None; 3];
    for (index, statement) in &own {
        let (stage, name, expected) = match statement {
            Statement::Key { .. } => continue,
            Statement::Void { .. } => return Verdict::Fails(format!("the draw is void: the log says so at {index}")),
            Statement::Draw { .. } => (0, "draw", None),
            Statement::Freeze { .. } => (1, "freeze", Some(record.freeze.as_ref())),
            Statement::Reveal { .. } => (2, "reveal", Some(record.reveal.as_ref())),
        };
        if let Some(earlier) = stages[stage].replace(*index) {
            return Verdict::Fails(format!(
                "the draw has two statements `{name}` in the log, at {earlier} and at {index}"
            ));
        }
        if expected.is_some_and(|expected| expected != Some(*statement)) {
            return Verdict::Fails(format!("the log's `{name}` of the draw, at {index}, is not what the record says"));
        }
    }
    judge_order(stages, record).or_else(|| judge_key(&own, signed_by)).unwrap_or_else(|| {
        let found = stages.iter().flatten().count();
        Verdict::Holds(format!(
            "the log of {} statements has {found} of the draw, as the record says them and in order",
            log.statements.len()
        ))
    })
}

fn judge_order([draw, freeze, reveal]: [Option<u64>; 3], record: &Subject) -> Option<Verdict> {
    let fails = |why: &str| Some(Verdict::Fails(format!("{why}, so it is not in the log as it should be")));
    match (draw, freeze, reveal) {
        (None, ..) => fails("the log does not have the draw's descriptor"),
        (_, None, _) if record.reveal.is_some() => fails("the draw is over, and its freeze was never logged"),
        (_, _, None) if record.reveal.is_some() => Some(Verdict::Open("the draw's end is not logged yet".into())),
        (_, None, None) if record.freeze.is_some() => Some(Verdict::Open("the draw's freeze is not logged yet".into())),
        (Some(draw), Some(freeze), _) if freeze < draw => fails("the freeze was logged before the draw's descriptor"),
        (_, freeze, Some(reveal)) if freeze.is_none_or(|freeze| reveal < freeze) => {
            fails("the draw's end was logged before its freeze")
        }
        _ => None,
    }
}

/// The record's key must be one that was logged: those that are denied later stand there from before the pool opened.
fn judge_key(own: &[(u64, &Statement)], signed_by: Option<Thumbprint>) -> Option<Verdict> {
    let signed_by = signed_by?;
    let keys = own.iter().flat_map(|(_, statement)| match statement {
        Statement::Draw { keys, .. } => keys.clone(),
        Statement::Key { key, .. } => vec![*key],
        _ => vec![],
    });
    let keys: Vec<Hash> = keys.collect();
    let is_logged = keys.is_empty() || keys.contains(&signed_by);
    (!is_logged).then(|| Verdict::Fails("the record is signed by a key that the log does not name".into()))
}

/// Another descriptor with the draw's commitment: its secret was known when the second of them was drawn.
fn secret_used_twice(log: &ReadLog, record: &Subject) -> Option<String> {
    log.statements.iter().enumerate().find_map(|(index, statement)| {
        let Statement::Draw { draw, descriptor, .. } = statement else { return None };
        let commitment = v2::Descriptor::parse(descriptor)
            .map(|descriptor| descriptor.commitment)
            .or_else(|_| DescriptorV1::parse(descriptor).map(|descriptor| descriptor.commitment));
        let is_other = *draw != record.digest && commitment.ok()? == record.commitment;
        is_other.then(|| {
            format!(
                "the secret was used twice: the draw {}, at {index} of the log, has the same commitment",
                hex::encode(draw)
            )
        })
    })
}

/// The proofs beside the record that hold; what is wrong with others is said.
fn read_proofs(
    source: &Source,
    evidence: &Evidence,
    record: &Subject,
    (key, log): (&VerifierKey, Option<&ReadLog>),
    report: &mut LogReport,
) -> Result<Vec<Proof>, SourceError> {
    let mut proofs = Vec::new();
    let announced = log.and_then(|log| log.announcement_of(&record.digest).cloned());
    let stated = [("draw", announced), ("freeze", record.freeze.clone()), ("reveal", record.reveal.clone())];
    for (kind, statement) in stated {
        let (Some(statement), Some(text)) = (statement, source.log_proof(kind)?) else { continue };
        let verify = |proof: TlogProof| {
            let logged = proof.verify(&statement, key, &evidence.witness_keys)?;
            Ok((logged, proof.note.signers().skip(1).map(str::to_owned).collect()))
        };
        match TlogProof::parse(&text).and_then(verify) {
            Ok((logged, signers)) => proofs.push(Proof { kind, logged, signers }),
            Err(why) => report.verdicts.push(Verdict::Fails(format!("the proof of the {kind}: {why}"))),
        }
    }
    Ok(proofs)
}

/// Checkpoints that somebody saved, which the log has signed.
fn saved(witnesses: &[Witness], key: &VerifierKey, report: &mut LogReport) -> Vec<(String, Checkpoint)> {
    let notes = witnesses.iter().flat_map(|witness| witness.notes().map(|note| (witness.name(), note)));
    let mut saved = Vec::new();
    for (name, note) in notes {
        match Checkpoint::open(&note, key) {
            Ok(checkpoint) => saved.push((name.to_owned(), checkpoint)),
            Err(why) => report.verdicts.push(Verdict::Open(format!("{name} says nothing of this log: {why}"))),
        }
    }
    saved
}

/// Two checkpoints of one log with its signature, neither of which leads to the other, convict whoever holds its key.
fn forks(known: &[(String, Checkpoint)], log: Option<&ReadLog>) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for (i, (name, checkpoint)) in known.iter().enumerate() {
        let twin = known[..i].iter().find(|(_, other)| other.size == checkpoint.size && other.root != checkpoint.root);
        if let Some((other, _)) = twin {
            let size = checkpoint.size;
            verdicts.push(Verdict::Fails(format!(
                "the log forked: {other} and {name} have {size} statements and two roots"
            )));
        } else if let Some(log) = log {
            verdicts.push(log.leads_from(name, checkpoint));
        }
    }
    verdicts
}

/// Which outside witnesses saw the draw before its pool opened, and the freeze before the round that decides.
fn note_witnesses(proofs: &[Proof], record: &Subject, log: Option<&ReadLog>, report: &mut LogReport) {
    for proof in proofs.iter().filter(|proof| proof.kind != "reveal") {
        for seen in &proof.logged.cosignatures {
            let at_ms = seen.time_s.saturating_mul(1000);
            let said = match proof.kind {
                "draw" => before("the pool opened", at_ms, record.opens_at_ms).1,
                _ => {
                    let (in_time, said) = judge_freeze(proof, at_ms, record, log);
                    report.witnessed += usize::from(in_time);
                    said
                }
            };
            report.notes.push(format!("the outside witness {} saw the {} {said}", seen.witness, proof.kind));
        }
        let is_counted = |name: &&String| proof.logged.cosignatures.iter().any(|seen| seen.witness == **name);
        for name in proof.signers.iter().filter(|name| !is_counted(name)) {
            let kind = proof.kind;
            report
                .notes
                .push(format!("{name} signed the {kind}, too, and is not counted: name its key (--witness-key)"));
        }
    }
}

/// Whether a witness saw the freeze in time, and in words.
fn judge_freeze(proof: &Proof, at_ms: u64, record: &Subject, log: Option<&ReadLog>) -> (bool, String) {
    let revealed_at = log.and_then(|log| log.reveal_of(&record.digest));
    match record.round {
        Round::At(round, round_ms) => before(&format!("round {round} was published"), at_ms, round_ms),
        Round::Unknown => (false, "of a draw whose round nobody knows the time of".to_owned()),
        Round::None if revealed_at.is_none_or(|index| proof.logged.checkpoint.size <= index) => {
            (true, "in a log that did not have the reveal yet".to_owned())
        }
        Round::None => (false, "in a log that had the reveal already: too late".to_owned()),
    }
}

fn before(what: &str, at_ms: u64, ms: u64) -> (bool, String) {
    match ms.checked_sub(at_ms) {
        Some(earlier) if earlier > 0 => (true, format!("{} before {what}", seconds(earlier))),
        _ => (false, format!("{} after {what}: too late", seconds(at_ms - ms))),
    }
}
