//! What a process needs while nobody is there: resident memory, descriptors and threads, from `/proc`.
//!
//! Memory and threads are compared by the medians of rounds. Descriptors are compared by two readings of long rests: after
//! a round the pools still hold as many connections as the crowd needed at its busiest, which differs from round to round.

use std::fs;

use anyhow::{Context, ensure};

use crate::memory::{resident_kb, status_field};
use crate::report::median;

/// Readings at the beginning that do not count: caches and pools fill.
pub(super) const WARM_UP: usize = 3;
/// Readings of which the medians are compared: so many after the warm-up, and so many at the end.
const COMPARED: usize = 3;
/// How much more is flat: a tenth and some, for an allocator that keeps pages; a few descriptors of pools; no threads.
const MEMORY_GROWTH: f64 = 1.10;
const MEMORY_SLACK_MB: f64 = 6.0;
const DESCRIPTORS_SLACK: f64 = 12.0;
const THREADS_SLACK: f64 = 3.0;

/// Memory in MB, descriptors, threads.
type Reading = [f64; 3];

/// A process and all that was read of it.
struct Patient {
    name: &'static str,
    pid: u32,
    /// After each round.
    readings: Vec<Reading>,
    /// Descriptors after each long rest.
    at_rest: Vec<f64>,
}

/// The processes that live through the whole run.
pub(super) struct Vitals {
    patients: Vec<Patient>,
}

impl Vitals {
    pub(super) fn of(survivors: Vec<(&'static str, u32)>) -> Self {
        let patient = |(name, pid)| Patient { name, pid, readings: Vec::new(), at_rest: Vec::new() };
        Self { patients: survivors.into_iter().map(patient).collect() }
    }

    pub(super) fn read(&mut self) -> anyhow::Result<()> {
        for patient in &mut self.patients {
            let reading = read(patient.pid).with_context(|| format!("{} is gone", patient.name))?;
            patient.readings.push(reading);
        }
        Ok(())
    }

    /// Reads what is left after a rest in which every idle connection ends.
    pub(super) fn read_at_rest(&mut self) -> anyhow::Result<()> {
        for patient in &mut self.patients {
            let [_, descriptors, _] = read(patient.pid).with_context(|| format!("{} is gone", patient.name))?;
            patient.at_rest.push(descriptors);
        }
        Ok(())
    }

    pub(super) fn heading(&self) -> String {
        self.patients.iter().map(|patient| format!("{:>22}", format!("{} MB/fd/thr", patient.name))).collect()
    }

    pub(super) fn latest(&self) -> String {
        let latest = self.patients.iter().filter_map(|patient| patient.readings.last());
        latest.map(|[mb, descriptors, threads]| format!("{:>22}", format!("{mb:.0}/{descriptors}/{threads}"))).collect()
    }

    /// Checks that everything is flat.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        for Patient { name, readings, at_rest, .. } in &self.patients {
            ensure!(
                readings.len() >= WARM_UP + 2 * COMPARED && at_rest.len() >= 2,
                "{} rounds are too few to tell; run it for longer",
                readings.len()
            );
            let of = |part: &[Reading], which: usize| median(part.iter().map(|reading| reading[which]));
            let (begin, end) = (&readings[WARM_UP..WARM_UP + COMPARED], &readings[readings.len() - COMPARED..]);
            let memory = (of(begin, 0), of(end, 0));
            let descriptors = (at_rest[0], at_rest[at_rest.len() - 1]);
            let threads = (of(begin, 2), of(end, 2));
            for (what, (before, after), limit) in [
                ("MB", memory, memory.0 * MEMORY_GROWTH + MEMORY_SLACK_MB),
                ("descriptors", descriptors, descriptors.0 + DESCRIPTORS_SLACK),
                ("threads", threads, threads.0 + THREADS_SLACK),
            ] {
                println!("{name}: {before:.0} {what} at the beginning, {after:.0} at the end");
                ensure!(after <= limit, "{name} grows: {before:.0} {what}, then {after:.0}");
            }
        }
        println!("flat");
        Ok(())
    }
}

fn read(pid: u32) -> anyhow::Result<Reading> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    Ok([resident_kb(&[pid])? / 1024.0, descriptors as f64, status_field(pid, "Threads")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(by: [f64; 3]) -> Vitals {
        let readings = (0..12).map(|round| {
            let share = f64::from(round) / 11.0;
            // A busy round leaves pooled connections, which are no leak.
            [100.0 + by[0] * share, 50.0 + f64::from(round % 5) * 30.0, 20.0 + by[2] * share]
        });
        let at_rest = vec![50.0, 50.0 + by[1]];
        Vitals { patients: vec![Patient { name: "edge", pid: 0, readings: readings.collect(), at_rest }] }
    }

    #[test]
    fn what_grows_is_named() {
        assert!(grown([5.0, 2.0, 0.0]).verdict().is_ok());
        for (by, what) in [([80.0, 0.0, 0.0], "MB"), ([0.0, 80.0, 0.0], "descriptors"), ([0.0, 0.0, 20.0], "threads")] {
            let error = grown(by).verdict().expect_err(what).to_string();
            assert!(error.contains("edge grows") && error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_process_is_read() {
        let [mb, descriptors, threads] = read(std::process::id()).expect("this one");
        assert!(mb > 0.5 && descriptors >= 3.0 && threads >= 1.0);
    }
}
