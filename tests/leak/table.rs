//! The table and the drawings of `make sim-leak`.

use std::fs;
use std::path::PathBuf;

use crate::scenario::{Policy, Scenario};
use crate::score::Score;
use crate::{clairvoyant, run, svg};

#[expect(clippy::print_stdout, reason = "this is what make sim-leak is for")]
pub(crate) fn print(scenarios: &[Scenario]) {
    let drawings = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/sim-leak");
    fs::create_dir_all(&drawings).expect("a directory for the drawings");
    println!("{}", heading());
    for scenario in scenarios {
        let best = clairvoyant(scenario);
        let (fixed, adaptive) = (run(scenario, Policy::Fixed), run(scenario, Policy::Adaptive));
        for (who, score) in [("fixed", &fixed), ("adaptive", &adaptive), ("clairvoyant", &best)] {
            println!("{}", row(scenario, who, score, &best));
        }
        let file = drawings.join(format!("{}.svg", scenario.name.replace([' ', ',', '%'], "-")));
        fs::write(&file, svg::draw(scenario.name, &fixed, &adaptive)).expect("the drawing can be written");
    }
    println!("\nDrawings are in {}.", drawings.display());
}

fn heading() -> String {
    format!(
        "{:26} {:12} {:>9} {:>10} {:>10} {:>12} {:>9} {:>8} {:>9} {:>9} {:>9}",
        "scenario",
        "who steers",
        "s above",
        "overshoot",
        "recovery",
        "utilisation",
        "sessions",
        "in/min",
        "wait off",
        "knowable",
        "in range"
    )
}

fn row(scenario: &Scenario, who: &str, score: &Score, best: &Score) -> String {
    format!(
        "{:26} {who:12} {:>9} {:>9.1}x {:>10} {:>11.0}% {:>9} {:>8.0} {:>8.0}% {:>8.0}% {:>8.0}%",
        scenario.name,
        score.seconds_above,
        score.overshoot,
        score.recovery_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
        100.0 * score.useful / best.useful,
        score.sessions,
        score.admitted_per_minute,
        100.0 * score.waits.median_error,
        100.0 * score.waits.knowable_error,
        100.0 * score.waits.in_range,
    )
}
