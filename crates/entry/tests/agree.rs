//! The solver that browsers run and the one in Rust find the same solutions, all of them, in the same spelling.

use std::process::{Child, Command, Stdio};

use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::solver::Solver;

/// The key of the published vectors, and one of nobody.
const KEYS: [&str; 2] = [
    "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069",
    "00000000000000000000000000000000000000000000000000000000ffffffff",
];

/// The browser's solver at work on tables.
fn in_javascript(key: &str, from: u16, until: u16) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agree/solve.mjs");
    let arguments = [script, key, &from.to_string(), &until.to_string()];
    let mut node = Command::new("node");
    node.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    node.spawn().expect("node runs: make setup installs it")
}

/// How it spells the solutions, one line a table.
fn said(child: Child) -> Vec<String> {
    let output = child.wait_with_output().expect("it ends");
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
#[expect(clippy::print_stdout, reason = "`--nocapture` shows how many tables have a solution")]
fn both_find_the_same_in_200_tables() {
    let solving = in_javascript(KEYS[0], 0, 200);
    let rust = in_rust(KEYS[0], 0, 200);
    assert_eq!(rust, said(solving));
    let solved = rust.iter().filter(|solutions| !solutions.is_empty()).count();
    let solutions: usize = rust.iter().map(|line| line.split_whitespace().count()).sum();
    println!("{solved} of 200 tables have a solution; there are {solutions}");
    assert!((150..190).contains(&solved), "{solved}");
}

#[test]
fn both_find_the_same_in_the_last_tables_of_another_key() {
    let solving = in_javascript(KEYS[1], 4090, 4096);
    assert_eq!(in_rust(KEYS[1], 4090, 4096), said(solving));
}
