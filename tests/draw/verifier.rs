//! The verifiers: `fairgate draw verify` and the independent `verify_draw.py`, as an auditor runs them, and the modules of the
//! pages, as a fan's browser does.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What a verifier said.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) code: i32,
    pub(crate) said: String,
}

impl Verdict {
    pub(crate) fn of(output: Output) -> Self {
        let said = [output.stdout, output.stderr].concat();
        Self { code: output.status.code().unwrap(), said: String::from_utf8(said).unwrap() }
    }

    /// The first step that fails.
    pub(crate) fn failed_step(&self) -> Option<&str> {
        let line = self.said.lines().find(|line| line.starts_with("FAIL"))?;
        line.trim_start_matches("FAIL").trim_start().split_once(": ").map(|(step, _)| step)
    }

    #[track_caller]
    pub(crate) fn assert_holds(&self) {
        assert_eq!((self.code, self.failed_step()), (0, None), "{}", self.said);
    }

    #[track_caller]
    pub(crate) fn assert_fails_at(&self, step: &str) {
        assert_eq!((self.code, self.failed_step()), (1, Some(step)), "{}", self.said);
    }
}

/// `fairgate draw verify FOLDER …`
pub(crate) fn fairgate(folder: &Path, options: &[&OsStr]) -> Verdict {
    let fairgate = env!("CARGO_BIN_EXE_fairgate");
    Verdict::of(Command::new(fairgate).args(["draw", "verify"]).arg(folder).args(options).output().unwrap())
}

/// `verify_draw.py …`
pub(crate) fn python(arguments: &[&OsStr]) -> Verdict {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_draw.py");
    Verdict::of(Command::new("python3").arg(script).args(arguments).output().expect("python3 runs"))
}

/// What the waiting page keeps that was shown these statuses at these times of its own clock; `file` is for them.
pub(crate) fn browser_keeps(file: &Path, shown: &[(Value, u64)]) -> String {
    std::fs::write(file, serde_json::to_string(shown).unwrap()).unwrap();
    let kept = Verdict::of(browser(&["look".as_ref(), file.as_os_str()]));
    assert_eq!(kept.code, 0, "{}", kept.said);
    kept.said
}

/// What the page that checks a draw says of a folder, with what a browser kept.
pub(crate) fn browser_checks(folder: &Path, kept: Option<&Path>) -> Verdict {
    let arguments: Vec<&OsStr> =
        ["check".as_ref(), folder.as_os_str()].into_iter().chain(kept.map(Path::as_os_str)).collect();
    Verdict::of(browser(&arguments))
}

fn browser(arguments: &[&OsStr]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/draw/browser.mjs");
    Command::new("node").arg(script).args(arguments).output().expect("node runs: make setup installs it")
}
