//! `fairgate page`: the waiting page's template, to start from and to look at.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::page::{EntryPage, OwnPage, PageInput, SHIPPED_TEMPLATE, WaitingPage};

/// Print and check the template of the waiting page.
#[derive(Debug, Args)]
pub(super) struct PageArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Print the built-in template. Change it and name your file in `room.page.template`.
    Eject {
        /// The file to create. An existing file is not overwritten. The default is standard output.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check templates for what a browser would miss or block. Exit code 1 means that there is a problem.
    Check {
        /// The templates.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// Runs one step.
///
/// # Errors
/// Where the output cannot be written.
pub(super) fn run(args: PageArgs) -> anyhow::Result<ExitCode> {
    match args.step {
        Step::Eject { output: None } => io::stdout().lock().write_all(SHIPPED_TEMPLATE.as_bytes())?,
        Step::Eject { output: Some(path) } => {
            let file = OpenOptions::new().write(true).create_new(true).open(&path);
            let write = file.and_then(|mut file| file.write_all(SHIPPED_TEMPLATE.as_bytes()));
            write.with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Step::Check { files } => return check(files, &mut io::stdout().lock(), &mut io::stderr().lock()),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(files: Vec<PathBuf>, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let page = PageInput {
            room: "room".into(),
            prefix: "/.fairgate".into(),
            title: "The sale".into(),
            template: Some(file.clone()),
            frame_ancestors: Vec::new(),
            entry: EntryPage::default(),
            own: OwnPage::default(),
        };
        match WaitingPage::check(&page) {
            Ok(()) => writeln!(out, "{}: ok", file.display())?,
            Err(error) => {
                writeln!(err, "{error}")?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ejected_is_right_and_a_file_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("page.html");
        let eject = || run(PageArgs { step: Step::Eject { output: Some(path.clone()) } });
        eject().unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        check(vec![path.clone()], &mut out, &mut err).unwrap();
        assert_eq!((out.as_slice(), err.as_slice()), (format!("{}: ok\n", path.display()).as_bytes(), &b""[..]));
        std::fs::write(&path, "mine").unwrap();
        assert!(eject().unwrap_err().to_string().contains("cannot be written"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
