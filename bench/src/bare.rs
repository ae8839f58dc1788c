//! The reference for the gate: the same Pingora proxy in front of the same upstream, deciding nothing.

use std::path::PathBuf;
use std::process::{Child, Command};

use anyhow::Context;

use crate::nginx::{free_port, wait_for_port};

/// The first argument that turns the benchmark into the bare proxy.
pub(crate) const VERB: &str = "bare-proxy";

/// The bare proxy as a process of its own; killed when dropped.
pub(crate) struct Bare {
    child: Child,
    port: u16,
}

impl Bare {
    /// With the system's allocator, as Pingora comes.
    pub(crate) fn start(upstream: &str) -> anyhow::Result<Self> {
        Self::run(std::env::current_exe()?, &[VERB], upstream)
    }

    /// With the gate's allocator.
    pub(crate) fn with_the_gates_allocator(upstream: &str) -> anyhow::Result<Self> {
        Self::run(std::env::current_exe()?.with_file_name("bare-proxy"), &[], upstream)
    }

    fn run(program: PathBuf, verb: &[&str], upstream: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let child = Command::new(program)
            .args(verb)
            .args([&format!("127.0.0.1:{port}"), upstream])
            .spawn()
            .context("cannot start the bare proxy")?;
        let bare = Self { child, port };
        wait_for_port(port)?;
        Ok(bare)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
