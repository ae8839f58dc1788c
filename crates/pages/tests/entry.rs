//! What a fan loads to solve the puzzle before an entry: small enough to be no burden.

use std::io::Write;

use fairgate_pages::bundle;
use flate2::Compression;
use flate2::write::GzEncoder;

const BIRTHDAY: &str = include_str!("../../../pages/entry/birthday.js");
const BIRTHDAY_BYTES_MAX: usize = 1536;

#[test]
fn the_solver_takes_at_most_a_kilobyte_and_a_half() {
    let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
    compressed.write_all(bundle(&[BIRTHDAY]).as_bytes()).expect("memory takes bytes");
    let bytes = compressed.finish().expect("memory takes bytes").len();
    assert!(bytes <= BIRTHDAY_BYTES_MAX, "birthday.js has {bytes} bytes, compressed");
}
