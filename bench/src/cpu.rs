//! CPU seconds that a process and its children have used, from `/proc`.

use std::fs;

use anyhow::Context;

/// Kernel clock ticks a second as `/proc/PID/stat` counts them: 100 on every Linux that user space can see.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system seconds used so far by each of these processes, added up.
pub(crate) fn seconds(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|&pid| of_process(pid)).sum()
}

fn of_process(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("{path}: has the process ended?"))?;
    // The command name may hold spaces; the numbers start behind its closing parenthesis (proc(5): fields 14 and 15).
    let numbers = stat.rsplit_once(')').context("no command name in /proc/PID/stat")?.1;
    let ticks: f64 = numbers.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}
