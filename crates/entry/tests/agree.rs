//! The solver that browsers run and the one in Rust find the same solutions, all of them, in the same spelling.

use std::process::Command;

use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::solver::Solver;

/// The key of the published vectors, and one of nobody.
const KEYS: [&str; 2] = [
    "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069",
    "00000000000000000000000000000000000000000000000000000000ffffffff",
];

/// As the browser's solver spells the solutions of tables.
fn in_javascript(key: &str, from: u16, until: u16) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agree/solve.mjs");
    let arguments = [script, key, &from.to_string(), &until.to_string()];
    let output = Command::new("node").args(arguments).output().expect("node runs: make setup installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// The same in Rust; every solution holds.
fn in_rust(key: &str, from: u16, until: u16) -> Vec<String> {
    let bytes = hex::decode(key).expect("hex").try_into().expect("32 bytes");
    let (key, mut solver) = (PuzzleKey::from_bytes(bytes), Solver::new());
    let tables = (from..until).map(|table| {
        let solutions = solver.solve(&key, table);
        assert!(solutions.iter().all(|solution| solution.check(&key).is_ok()), "table {table}");
        solutions.iter().map(|solution| hex::encode(solution.to_bytes())).collect::<Vec<_>>().join(" ")
    });
    tables.collect()
}

#[test]
fn both_find_the_same_in_some_tables() {
    assert_eq!(in_javascript(KEYS[0], 16, 24), in_rust(KEYS[0], 16, 24));
    assert_eq!(in_javascript(KEYS[1], 4090, 4096), in_rust(KEYS[1], 4090, 4096));
}

/// `cargo test -p fairgate-entry --test agree -- --ignored --nocapture` also says how many tables have a solution.
#[test]
#[ignore = "takes a minute"]
#[expect(clippy::print_stdout, reason = "a figure is the point of it")]
fn both_find_the_same_in_200_tables() {
    let (rust, javascript) = (in_rust(KEYS[0], 0, 200), in_javascript(KEYS[0], 0, 200));
    assert_eq!(rust, javascript);
    let solved = rust.iter().filter(|solutions| !solutions.is_empty()).count();
    let solutions: usize = rust.iter().map(|line| line.split_whitespace().count()).sum();
    println!("{solved} of 200 tables have a solution; there are {solutions}");
    assert!((150..190).contains(&solved), "{solved}");
}
