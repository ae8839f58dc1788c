//! Proof of work before an entry: what a check costs, and how much faster a native core solves than a browser does.

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use fairgate_entry::bond::Bond;
use fairgate_entry::epoch::Epoch;
use fairgate_entry::keys::Key;
use fairgate_entry::way::Scene;
use fairgate_entry::work::puzzle::PuzzleKey;
use fairgate_entry::work::solution::Solution;
use fairgate_entry::work::solver::Solver;
use fairgate_entry::work::way::{Work, to_base64url};

use crate::report::{Goal, Row};

/// Drives Chromium, and says what a table takes there.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/birthday.mjs");
/// The solver that pages load.
const BIRTHDAY: &str = include_str!("../../pages/entry/birthday.js");
const DRAW: [u8; 32] = [7; 32];
const NOW_MS: u64 = 1_764_581_400_000;
const EFFORTS: [(u32, f64); 2] = [(2, 6.0), (16, 40.0)];
const TABLES: u16 = 20;
const CHECKS: u32 = 1000;

/// Checks of work that is right and of work that is not, and tables a second here and in Chromium.
pub(crate) fn run(rounds: usize) -> anyhow::Result<Vec<Row>> {
    let work = Work::new(Key::from_bytes([4; 32]));
    let epoch = Epoch::of(NOW_MS);
    let puzzle = work.puzzle(epoch, &scene(1));
    let mut solver = Solver::new();
    let solved = solver.solve_all(&puzzle, EFFORTS[1].0, |_, _| true);

    let mut rows = Vec::new();
    for (effort, limit) in EFFORTS {
        let text = to_base64url(&solved[..effort as usize]);
        ensure!(work.check(epoch, &text, &scene(effort)).is_ok(), "{effort} tables are work");
        let times = (0..rounds * 10).map(|_| microseconds(|| work.check(epoch, &text, &scene(effort)).is_ok()));
        rows.push(Row::within(&format!("work: {effort} tables, checked"), "us", limit, times));
    }
    let wrong = to_base64url(&[wrong_at_last(solved[0], &puzzle)?, solved[1]]);
    let times = (0..rounds * 10).map(|_| microseconds(|| work.check(epoch, &wrong, &scene(2)).is_ok()));
    rows.push(Row::within("work: a wrong table, checked to its last row", "us", 3.0, times));

    let folder = tempfile::tempdir()?;
    let bundle = folder.path().join("birthday.js");
    std::fs::write(&bundle, fairgate_pages::bundle(&[BIRTHDAY]))?;
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let native = tables_a_second(&mut solver, &puzzle);
        ratios.push((native, 1000.0 / milliseconds_in_chromium(&bundle)?));
    }
    rows.push(Row::from_rounds("work: native core, Chromium", "tables/s", Goal::AtMost(3.0), &ratios));
    Ok(rows)
}

fn scene(effort: u32) -> Scene<'static> {
    Scene { now_ms: NOW_MS, room: "bench", draw: &DRAW, bond: Bond::of(&[3; 16], b""), hosts: &[], effort }
}

/// The dearest guess: all rows are made before the last pair is seen to be wrong.
fn wrong_at_last(solution: Solution, puzzle: &PuzzleKey) -> anyhow::Result<Solution> {
    let mut wrong = solution;
    let last = &mut wrong.rows[15];
    *last = if *last + 1 < 1 << 19 { *last + 1 } else { *last - 1 };
    ensure!(wrong.check(puzzle).is_err(), "it is wrong");
    Ok(wrong)
}

fn microseconds(check: impl Fn() -> bool) -> f64 {
    let begun = Instant::now();
    for _ in 0..CHECKS {
        black_box(check());
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(CHECKS)
}

/// The middle of the tables' times, as the browser's is.
fn tables_a_second(solver: &mut Solver, puzzle: &PuzzleKey) -> f64 {
    let times = (0..TABLES).map(|table| {
        let begun = Instant::now();
        black_box(solver.solve(puzzle, table));
        begun.elapsed().as_secs_f64()
    });
    1.0 / crate::report::median(times)
}

fn milliseconds_in_chromium(bundle: &Path) -> anyhow::Result<f64> {
    let mut command = Command::new("node");
    command.arg(SCRIPT).arg(bundle).arg(TABLES.to_string());
    let output = command.output().context("node runs: make setup installs it")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
