//! CPU seconds that processes have used, by the scheduler's own account (`/proc/PID/task/*/schedstat`, nanoseconds).
//!
//! The clock ticks of `/proc/PID/stat` are hundredths of a second; a difference of two of them is too coarse for runs of
//! seconds. Threads that have ended are not counted: measure processes whose threads stay.

use std::fs;

use anyhow::Context;

/// Seconds used so far by each of these processes, added up.
pub(crate) fn seconds(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|&pid| of_process(pid)).sum()
}

fn of_process(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(&path).with_context(|| format!("{path}: has the process ended?"))?;
    // A thread that ends meanwhile has no file any more.
    let used = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    let nanoseconds = used.filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    Ok(nanoseconds.sum::<f64>() / 1e9)
}
