//! `[draw.log]` and `[[draw.witness]]`: the log of all draws of the host that fans know, and who is asked to cosign it.
//!
//! The log's private key never stands in the file: it is in a file of its own, or in an environment variable.

use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fairgate_draw::log::{KeyKind, NoteSigner, Origin, VerifierKey};
use reqwest::Url;
use toml::de::DeValue;

use super::reader::Section;
use super::value::{Misfit, Value};

/// Each statement is sent to all of them.
const WITNESSES_MAX: usize = 16;
const EXAMPLE_KEY: &str = r#""witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK""#;

/// The draw log of this configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawLogConfig {
    /// Where the private key is, which also names the log.
    pub key: NoteKey,
    /// Who is asked to cosign.
    pub witnesses: Vec<WitnessConfig>,
}

/// Where a private key for notes is; an environment variable that is set wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    /// The file that has it, which its owner alone reads.
    pub file: Option<PathBuf>,
    /// The environment variable that has it.
    pub env: Option<String>,
}

/// A witness of the draw log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessConfig {
    /// Its public key, with its name.
    pub key: VerifierKey,
    /// Where it takes checkpoints: `add-checkpoint` is below this.
    pub url: Url,
}

/// The public key of a witness, as a vkey writes it.
struct WitnessKey(VerifierKey);

/// The address of a witness.
struct WitnessUrl(Url);

/// Reads `[draw]`; nothing inside where no log is kept.
pub(super) fn read_draw(section: &Section<'_>) -> Option<Option<DrawLogConfig>> {
    let key = section.section("log", read_key);
    let witnesses = section.sections("witness", WitnessConfig::read);
    let (key, witnesses) = (key?, witnesses?);
    section.check(
        witnesses.len() <= WITNESSES_MAX,
        "witness",
        format!("there are {} witnesses", witnesses.len()),
        format!("name at most {WITNESSES_MAX}"),
    );
    let mut names: Vec<&str> = witnesses.iter().map(|witness| witness.key.name()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned());
    section.check(
        twice.is_none(),
        "witness",
        format!("names {:?} twice", twice.unwrap_or_default()),
        "name every witness once",
    );
    section.check(
        key.is_some() || witnesses.is_empty(),
        "witness",
        "is of no use without a log",
        "add [draw.log] with its key, which `fairgate keys log` makes, or leave the witnesses out",
    );
    Some(key.map(|key| DrawLogConfig { key, witnesses }))
}

fn read_key(section: &Section<'_>) -> Option<Option<NoteKey>> {
    let key = NoteKey { file: section.get("key"), env: section.get("key_env") };
    Some((key.file.is_some() || key.env.is_some()).then_some(key))
}

impl WitnessConfig {
    fn read(section: &Section<'_>) -> Option<Self> {
        let key: Option<WitnessKey> = section.require("key", EXAMPLE_KEY);
        let url: Option<WitnessUrl> = section.require("url", r#""https://witness.example""#);
        Some(Self { key: key?.0, url: url?.0 })
    }

    /// Where checkpoints are sent.
    #[must_use]
    pub fn submission_url(&self) -> String {
        format!("{}/add-checkpoint", self.url.as_str().trim_end_matches('/'))
    }
}

impl DrawLogConfig {
    /// Reads the log's private key.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub fn signer(&self, env: impl Fn(&str) -> Option<String>) -> Result<NoteSigner, String> {
        let signer = self.key.read(env)?;
        let key = signer.key();
        if key.kind() != KeyKind::Log || Origin::parse(key.name()).is_none() {
            return Err(format!(
                "{}: the key of {:?} is none of a draw log; make one with `fairgate keys log --host tickets.example`",
                self.key,
                key.name()
            ));
        }
        Ok(signer)
    }
}

impl NoteKey {
    /// Reads the private key.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub fn read(&self, env: impl Fn(&str) -> Option<String>) -> Result<NoteSigner, String> {
        let set = self.env.as_ref().and_then(|name| env(name)).filter(|text| !text.is_empty());
        let text = match (set, &self.file) {
            (Some(text), _) => text,
            (None, Some(path)) => read_private(path)?,
            (None, None) => {
                return Err(format!("{self} is not set; it must hold the key that `fairgate keys` has made"));
            }
        };
        NoteSigner::parse(&text).map_err(|error| format!("{self}: {error}"))
    }
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|path| path.display().to_string());
        let places: Vec<String> = self.env.iter().cloned().chain(file).collect();
        f.write_str(&places.join(" or "))
    }
}

/// A file that its owner alone may read, as with the keys that sign tickets.
fn read_private(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let metadata = fs::metadata(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 && metadata.uid() == rustix::process::getuid().as_raw() {
        let path = path.display();
        return Err(format!("{path} can be read by others (mode {mode:03o}); run `chmod 600 {path}`"));
    }
    Ok(text)
}

impl Value for WitnessKey {
    fn kind() -> String {
        "vkey".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let key = VerifierKey::parse(&text).ok().filter(|key| key.kind() == KeyKind::Witness);
        key.map(Self).ok_or_else(|| {
            Misfit::new(format!("{text:?} is no key of a witness"), format!("write its vkey, like {EXAMPLE_KEY}"))
        })
    }
}

impl Value for WitnessUrl {
    fn kind() -> String {
        "URL".into()
    }

    fn read(value: &DeValue<'_>) -> Result<Self, Misfit> {
        let text = String::read(value)?;
        let url = Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none()
        });
        url.map(Self).ok_or_else(|| {
            Misfit::new(
                format!("{text:?} is not the address of a witness"),
                r#"write what `add-checkpoint` is below, like "https://witness.example""#,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const ROOM: &str = "[edge]\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\nupstream = \"shop\"\n\
        opens_at = \"2026-12-01T09:30:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\nadmission.rate_per_minute = 600\n";

    fn config(lines: &str) -> Result<Option<DrawLogConfig>, String> {
        let read = Config::parse(&format!("{ROOM}{lines}"), Path::new("test.toml"));
        read.map(|config| config.draw_log).map_err(|error| error.to_string())
    }

    fn witness(key: &str, url: &str) -> String {
        format!("[[draw.witness]]\nkey = {key}\nurl = {url:?}\n")
    }

    #[test]
    fn a_log_has_a_key_and_witnesses_have_a_log() {
        assert_eq!(config("").unwrap(), None);
        let one = witness(EXAMPLE_KEY, "https://witness.example/");
        let read = config(&format!("[draw.log]\nkey = \"log.key\"\n{one}")).unwrap().unwrap();
        assert_eq!(read.key, NoteKey { file: Some("log.key".into()), env: None });
        assert_eq!(read.witnesses[0].submission_url(), "https://witness.example/add-checkpoint");
        assert_eq!(read.witnesses[0].key.name(), "witness.example/w1");
        let log = "[draw.log]\nkey_env = \"LOG\"\n";
        for (lines, said) in [
            (one.clone(), "without a log"),
            (format!("{log}{one}{one}"), "twice"),
            (format!("{log}{}", witness("\"w1\"", "https://w.example")), "no key of a witness"),
            (format!("{log}{}", witness(EXAMPLE_KEY, "w.example")), "not the address of a witness"),
            (format!("{log}[[draw.witness]]\nurl = \"https://w.example\"\n"), "is missing"),
        ] {
            let told = config(&lines).unwrap_err();
            assert!(told.contains(said), "{lines}: {told}");
        }
    }

    #[test]
    fn the_key_is_one_of_a_log_and_nobody_else_reads_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        let of_log = NoteSigner::private_text("tickets.example/.fairgate/draw.log", KeyKind::Log, &[7; 32]).unwrap();
        let of_witness = NoteSigner::private_text("witness.example/w1", KeyKind::Witness, &[8; 32]).unwrap();
        let in_env = |text: &str| {
            let log = DrawLogConfig { key: NoteKey { file: None, env: Some("LOG".into()) }, witnesses: vec![] };
            log.signer(|name| (name == "LOG").then(|| text.to_owned())).map(|signer| signer.key().name().to_owned())
        };
        assert_eq!(in_env(&of_log).unwrap(), "tickets.example/.fairgate/draw.log");
        assert!(in_env(&of_witness).unwrap_err().contains("none of a draw log"));
        assert!(in_env("").unwrap_err().contains("LOG is not set"));
        assert!(in_env("x").unwrap_err().contains("PRIVATE+KEY"));
        let key = NoteKey { file: Some(path.clone()), env: Some("LOG".into()) };
        let file = DrawLogConfig { key, witnesses: vec![] };
        fs::write(&path, &of_log).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(file.signer(|_| None).unwrap_err().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(file.signer(|_| None).is_ok());
        assert!(file.signer(|_| Some("x".into())).unwrap_err().contains("LOG or "), "a variable that is set wins");
    }
}
