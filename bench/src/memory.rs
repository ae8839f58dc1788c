//! What a process holds, as the kernel counts it (proc_pid_status(5)).

use std::fs;

use anyhow::Context;

/// A number of `/proc/<pid>/status`, by the name of its field.
///
/// # Errors
/// There is no such process, or no such field.
pub(crate) fn status_field(pid: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split_whitespace().next());
    Ok(field.with_context(|| format!("no {name} of process {pid}"))?.parse()?)
}

/// Memory that some processes have in RAM together, KB.
///
/// # Errors
/// One of them is gone.
pub(crate) fn resident_kb(pids: &[u32]) -> anyhow::Result<f64> {
    pids.iter().map(|pid| status_field(*pid, "VmRSS")).sum()
}
