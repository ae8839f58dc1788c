//! The draw log by its worked example: statements, keys, a checkpoint, a cosignature and a proof, to the byte.

use fairgate_draw::log::{Checkpoint, FrozenTier, KeyKind, LogTree, NoteError, SignedNote, Statement, TlogProof};
use fairgate_draw::log::{TlogProofError, VerifierKey};
use fairgate_draw::{Descriptor, Record, commitment};
use ring::signature::{Ed25519KeyPair, KeyPair};

const DESCRIPTOR: &str = r#"{"beacon":{"chain":"52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971","public_key":"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a","retry":10,"round":990,"scheme":"bls-unchained-g1-rfc9380"},"commitment":"2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6","identity":["oidc:https://id.example"],"opens_at_ms":1692804600000,"room":"vector","starts_at_ms":1692806330000,"tiers":[{"band":0,"name":"members","share":1},{"band":1,"name":"fans","share":3},{"band":1,"name":"public","share":1}],"version":"fairgate/v2"}"#;
const D: &str = "fdccfdd7c3b71f8c558e3075ff22d119bec327138c6069fca9fdf1f4a8c387f4";
const FREEZE: &str = "fairgate/v2/freeze
draw fdccfdd7c3b71f8c558e3075ff22d119bec327138c6069fca9fdf1f4a8c387f4
at 1692806350200
tier 0 3 86aab5519774418e79f1ff3c3ab6585c35b7dd01ea185a382db6b52d56040ab6 9f01ea2a3bd86a7988f53804be6e5b704ac1ef5ad4f9271d49ff6d3f35a6a870 0
tier 1 5 754fbdd0720523a503a07905ac507d42777017a377d3424a1e51affa76aacc74 378e0c4104e3fdd669809a8f13703af0dc500112d16834d5cd5921ba122eacd6 0
tier 2 4 ba938719469d3a6d041269562329a1d87b04b0c26fbf2c55365ad3a6b561d794 674d7982ad10235fcbda7cc36677492093cb08b38744eb337fe7ed00de0dc045 0
";
const LOG_KEY: &str = "tickets.example/.fairgate/draw.log+2a89550f+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const WITNESS_KEY: &str = "witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK";
const PROOF: &str = "c2sp.org/tlog-proof@v1
index 1
nwAendKD5cvH9sMW+zAR8wG5Qd9PaOLeoPe2pPSbxU0=

tickets.example/.fairgate/draw.log
2
MPCP/zkY5LWeZqbZq4xf8yiqeda8PIwhSy2D8Cna1BU=

\u{2014} tickets.example/.fairgate/draw.log KolVD2XYRu9qk1FV67BXU+E5fbeobgNxJC8wtM+NYEM8fw6xuAqzYGkIcdj+9tktB6Ogw+bSGEEbOhml0ya3VNloDAI=
\u{2014} witness.example/w1 /qOxhwAAAABk5izQqc2gggL5k0nKpujNe162ArNxEsVEo3p4F2G0lapogyg66S7tznXD5MQaCTR0jsfJWNfaZ7LRyPiG7h1UPtFnAQ==
";
/// When round 1000 was, for which the draw waits.
const ROUND_MS: u64 = 1_692_806_364_000;

/// The two statements of the example's log.
fn statements() -> [Statement; 2] {
    let draw = format!(
        "fairgate/v2/draw\ndraw {D}\ndescriptor {DESCRIPTOR}\nkey atZR63tNG3W2GhPpVleKnfrw1N7N6LAqOe5grE2SBR4\n"
    );
    [&draw, FREEZE].map(|text| Statement::parse(text).unwrap())
}

fn log_key() -> VerifierKey {
    VerifierKey::parse(LOG_KEY).unwrap()
}

fn witness_key() -> VerifierKey {
    VerifierKey::parse(WITNESS_KEY).unwrap()
}

#[test]
fn statements_hash_and_stand_in_the_tree_as_the_example_says() {
    let mut log = LogTree::new();
    let leaves = statements().map(|statement| {
        log.push(&statement);
        hex::encode(statement.leaf_hash())
    });
    assert_eq!(leaves[0], "9f001e9dd283e5cbc7f6c316fb3011f301b941df4f68e2dea0f7b6a4f49bc54d");
    assert_eq!(leaves[1], "9b842b672a33e51d63e1a0d475790125d85d6e115ccb87ed80549f75366d9cef");
    let proof = TlogProof::parse(PROOF).unwrap();
    assert_eq!(log.inclusion(1, 2).unwrap(), proof.path);
    assert_eq!(log.consistency(1, 2).unwrap(), [statements()[1].leaf_hash()]);
}

#[test]
fn keys_are_named_by_their_hash() {
    for (vkey, seed, kind) in [(LOG_KEY, [7; 32], KeyKind::Log), (WITNESS_KEY, [8; 32], KeyKind::Witness)] {
        let key = VerifierKey::parse(vkey).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let own = VerifierKey::new(key.name(), kind, pair.public_key().as_ref().try_into().unwrap()).unwrap();
        assert_eq!((&key, key.to_string().as_str()), (&own, vkey));
        for wrong in [vkey.replace('+', "-"), vkey.replace("example", "examples"), vkey[..vkey.len() - 4].to_owned()] {
            assert!(matches!(VerifierKey::parse(&wrong), Err(NoteError::Key(_))), "{wrong}");
        }
    }
    assert_eq!(VerifierKey::new("a b", KeyKind::Log, [0; 32]), None);
    assert_eq!(VerifierKey::new("a+b", KeyKind::Log, [0; 32]), None);
}

#[test]
fn the_proof_shows_one_witness_before_the_round() {
    let proof = TlogProof::parse(PROOF).unwrap();
    assert_eq!(proof.to_string(), PROOF);
    let [_, freeze] = statements();
    let logged = proof.verify(&freeze, &log_key(), &[witness_key()]).unwrap();
    assert_eq!((logged.checkpoint.size, logged.cosignatures[0].time_s), (2, 1_692_806_352));
    assert_eq!(logged.seen_before(ROUND_MS).count(), 1);
    assert_eq!(logged.seen_before(1_692_806_352_000).count(), 0, "at that very moment is not before it");
    let stranger = VerifierKey::new("stranger.example", KeyKind::Witness, [1; 32]).unwrap();
    assert_eq!(proof.verify(&freeze, &log_key(), &[stranger]).unwrap().cosignatures, []);
}

#[test]
fn a_proof_of_something_else_shows_nothing() {
    let proof = TlogProof::parse(PROOF).unwrap();
    let [draw, freeze] = statements();
    let keys = (log_key(), [witness_key()]);
    assert_eq!(proof.verify(&draw, &keys.0, &keys.1), Err(TlogProofError::NotIncluded(1)));
    let Statement::Freeze { draw, at_ms, mut tiers } = freeze.clone() else { panic!() };
    let backdated = Statement::Freeze { draw, at_ms: at_ms - 1, tiers: tiers.clone() };
    assert_eq!(proof.verify(&backdated, &keys.0, &keys.1), Err(TlogProofError::NotIncluded(1)));
    tiers[2].entries += 1;
    let grown = Statement::Freeze { draw, at_ms, tiers };
    assert_eq!(proof.verify(&grown, &keys.0, &keys.1), Err(TlogProofError::NotIncluded(1)));
    let other_index = TlogProof { index: 0, ..proof.clone() };
    assert_eq!(other_index.verify(&freeze, &keys.0, &keys.1), Err(TlogProofError::NotIncluded(0)));
}

#[test]
fn no_signature_can_be_bent_moved_or_left_out() {
    let [_, freeze] = statements();
    let verify = |text: &str| TlogProof::parse(text)?.verify(&freeze, &log_key(), &[witness_key()]);
    assert!(verify(PROOF).is_ok());
    let wrong = |name: &str| Err(TlogProofError::Note(NoteError::Signature(name.to_owned())));
    let bent = verify(&PROOF.replace("GUPtFnAQ", "GUPtFnAA").replace("UPtFnAQ==", "UPtFnAA=="));
    assert_eq!(bent, wrong("witness.example/w1"));
    let later = verify(&PROOF.replace("BlZizQ", "BlZizR").replace("k5izQ", "k5izR"));
    assert_eq!(later, wrong("witness.example/w1"), "the time is signed");
    let log_line = PROOF.lines().find(|line| line.contains("KolVD")).unwrap();
    let unsigned = verify(&PROOF.replace(&format!("{log_line}\n"), ""));
    assert!(unsigned.unwrap_err().to_string().contains("tickets.example/.fairgate/draw.log did not sign"));
    let bent = verify(&PROOF.replace("VNloDAI=", "VNloDAM="));
    assert!(bent.unwrap_err().to_string().contains("draw.log is wrong"));
    let grown = verify(&PROOF.replace("\n2\n", "\n3\n"));
    assert!(grown.unwrap_err().to_string().contains("draw.log is wrong"), "the size is signed");
}

#[test]
fn what_is_spelled_otherwise_is_no_proof_and_no_note() {
    for other in [
        PROOF.replace("index 1", "index 01"),
        PROOF.replace("@v1", "@v2"),
        PROOF.replace("nwAe", "nwA"),
        PROOF.replace("index 1\n", ""),
        PROOF.replace("\n\n", "\n"),
        PROOF.trim_end().to_owned(),
        PROOF.replace('\u{2014}', "-"),
        PROOF.replace("example", "exam\tple"),
    ] {
        assert!(TlogProof::parse(&other).is_err(), "{other}");
    }
    let with_extra = PROOF.replace("index 1", "extra AAAA\nindex 1");
    assert!(TlogProof::parse(&with_extra).is_ok(), "what an application adds does no harm");
}

#[test]
fn a_checkpoint_has_three_lines_and_its_own_logs_name() {
    let note = TlogProof::parse(PROOF).unwrap().note;
    let checkpoint = Checkpoint::open(&note, &log_key()).unwrap();
    assert_eq!(checkpoint.to_string(), note.text());
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let signed = |text: &str| {
        let id = hex::decode("2a89550f").unwrap();
        let signature = [&id[..], pair.sign(text.as_bytes()).as_ref()].concat();
        let line = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signature);
        SignedNote::parse(&format!("{text}\n\u{2014} tickets.example/.fairgate/draw.log {line}\n")).unwrap()
    };
    assert_eq!(Checkpoint::open(&signed(note.text()), &log_key()), Ok(checkpoint.clone()));
    for text in [
        format!("{}more\n", note.text()),
        note.text().replace("\n2\n", "\n02\n"),
        note.text().replace("tickets.example", "others.example"),
    ] {
        assert!(Checkpoint::open(&signed(&text), &log_key()).is_err(), "{text}");
    }
}

#[test]
fn a_fork_of_the_log_is_no_continuation() {
    let [draw, freeze] = statements();
    let mut log = LogTree::new();
    let mut checkpoints = [&draw, &freeze].map(|statement| {
        log.push(statement);
        let (size, root) = (log.size(), log.root(log.size()).unwrap());
        Checkpoint { origin: "tickets.example/.fairgate/draw.log".into(), size, root }
    });
    let proof = log.consistency(1, 2).unwrap();
    assert!(checkpoints[0].continues_to(&checkpoints[1], &proof));
    assert!(!checkpoints[1].continues_to(&checkpoints[0], &proof));
    checkpoints[0].root[0] ^= 1;
    assert!(!checkpoints[0].continues_to(&checkpoints[1], &proof));
}

#[test]
fn a_draw_by_version_1_is_logged_as_one_tier_without_tags() {
    let descriptor = Descriptor {
        beacon: None,
        commitment: commitment(&std::array::from_fn(|i| i as u8)),
        opens_at_ms: 1_764_579_600_000,
        room: "vector".into(),
        starts_at_ms: 1_764_581_400_000,
    };
    let root = "a40655b8763e6b545a13440dd4cfc1ce8e5933bdc76320b5baf044392c3167c3";
    let root: [u8; 32] = hex::decode(root).unwrap().try_into().unwrap();
    let scheduled = Record::scheduled(descriptor);
    assert_eq!(scheduled.freeze_statement(), None);
    let frozen_at_ms = Some(1_764_581_400_200);
    let frozen = Record { entries: Some(7), root: Some(root), frozen_at_ms, ..scheduled };
    let statement = frozen.freeze_statement().unwrap();
    let tier = FrozenTier { entries: 7, root, tags_root: [0; 32], missing: 0 };
    let Statement::Freeze { tiers, .. } = &statement else { panic!() };
    assert_eq!(tiers, &[tier]);
    let code = "b77173c6e07d4a60146829fe24fdd4440d69be27b9d52b1c7c2b985336032c4d";
    assert_eq!(hex::encode(statement.leaf_hash()), code);
    let lossy = Record { missing: Some(1), ..frozen };
    assert_ne!(hex::encode(lossy.freeze_statement().unwrap().leaf_hash()), code);
}
