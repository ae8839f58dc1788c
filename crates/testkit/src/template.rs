//! A Postgres that is made and filled once, and copied for everybody who wants one like it: a copy takes a tenth of the time.
//!
//! The template is removed when this process ends, however it ends.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::postgres::{PostgresError, PostgresSetup, PrivatePostgres};

/// Removes the directory at the end of the pipe.
const REMOVER: &str = r#"read -r _; rm -rf "$1""#;

/// A cluster without a server, to be copied.
#[derive(Debug)]
pub struct PostgresTemplate {
    data: PathBuf,
    remover: Option<(Child, ChildStdin)>,
}

impl PostgresTemplate {
    /// Makes a cluster, lets `fill` write what every copy begins with, and stops its server.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn make(fill: impl FnOnce(&PrivatePostgres)) -> Result<Self, PostgresError> {
        let temp = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix("fairgate-template-").tempdir();
        let data = made.map_err(|source| PostgresError::Directory { path: temp, source })?.keep();
        let mut remover = Command::new("sh");
        remover.args(["-c", REMOVER, "sh"]).arg(&data).stdin(Stdio::piped()).stdout(Stdio::null());
        let spawned =
            remover.process_group(0).spawn().map_err(|source| PostgresError::Run { program: "sh".into(), source });
        let mut remover = spawned?;
        let pipe = remover.stdin.take();
        let template = Self { data, remover: pipe.map(|pipe| (remover, pipe)) };
        fill(&PrivatePostgres::start_in(&template.data)?);
        Ok(template)
    }

    /// Starts a server on a copy of its own, which is gone when it stops.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start(&self) -> Result<PrivatePostgres, PostgresError> {
        self.start_with(PostgresSetup::default())
    }

    /// Starts a server that is not quite the usual one on a copy of its own, which is gone when it stops.
    ///
    /// # Errors
    /// [`PostgresError`], worded for the person at the terminal.
    pub fn start_with(&self, setup: PostgresSetup) -> Result<PrivatePostgres, PostgresError> {
        PrivatePostgres::start_like(&self.data, setup)
    }
}

impl Drop for PostgresTemplate {
    fn drop(&mut self) {
        if let Some((mut remover, pipe)) = self.remover.take() {
            drop(pipe);
            let _ = remover.wait();
        }
    }
}
