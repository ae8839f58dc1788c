//! Figures of ten million codes: the file, how long it takes to make and to load, and a look-up.
//!
//! `cargo test --release -p fairgate --lib codes::figures -- --ignored --nocapture`

use std::time::Instant;

use fairgate_entry::code::{CampaignBuilder, CampaignName, Code, CodeKind, Fingerprinter};
use fairgate_entry::keys::Key;
use fairgate_telemetry::entropy;
use fairgate_token::{KeyRing, create_key};
use tempfile::TempDir;

use super::{load, make_codes, save};

const CODES: usize = 10_000_000;
/// Bytes of the file that the documents name.
const FILE_BYTES: std::ops::Range<u64> = 80_000_000..80_001_000;

#[test]
#[ignore = "takes half a minute with --release; the module says the command"]
#[expect(clippy::print_stdout, reason = "figures are for whoever runs it")]
fn ten_million_codes() {
    let dir = TempDir::new().unwrap();
    create_key(&dir.path().join("keys"), 0, &entropy::system()).unwrap();
    let signer = KeyRing::load(&dir.path().join("keys"), "fairgate").unwrap();
    let (key, name) = (Key::from_bytes([0x45; 32]), CampaignName::new("figures").unwrap());
    let fingerprinter = Fingerprinter::new(key.clone(), name.clone());

    let began = Instant::now();
    let mut builder = CampaignBuilder::new(fingerprinter.clone(), CodeKind::Made);
    let mut some: Vec<Code> = Vec::new();
    for (number, code) in make_codes(CODES, &entropy::system(), |_| false).unwrap().enumerate() {
        builder.push(&code).unwrap();
        if number % 1000 == 0 {
            some.push(code);
        }
    }
    let saved = save(dir.path(), builder, &key, &signer, 1).unwrap();
    println!("{CODES} codes made and written in {:.1} s, {} bytes", began.elapsed().as_secs_f64(), saved.bytes);
    assert!(FILE_BYTES.contains(&saved.bytes), "{} bytes", saved.bytes);

    let began = Instant::now();
    let loaded = load(dir.path(), &name, &key, signer.public()).unwrap();
    println!("loaded and checked in {:.2} s", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let found = some.iter().filter(|code| loaded.campaign.rank(fingerprinter.of(code)).is_some()).count();
    let each_ns = began.elapsed().as_nanos() / some.len() as u128;
    println!("a look-up with its fingerprint takes {each_ns} ns");
    assert_eq!(found, some.len());
}
