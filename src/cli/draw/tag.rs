//! `fairgate draw tag`: the tag of an identity, for whoever holds the operator's key.
//!
//! Guarantee: the key is in no error.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use fairgate_draw::Hash;
use fairgate_draw::v2::{Identity, IdentityKey, Method, tag};

use super::{parse_hash, read};

/// The environment's name for the key.
const KEY_VARIABLE: &str = "FAIRGATE_IDENTITY_KEY";

#[derive(Debug, Args)]
pub(super) struct TagArgs {
    /// The operator's identity key: 64 hex digits. On a shared machine, others see it among the arguments: prefer a file.
    #[arg(long, value_name = "HEX", env = KEY_VARIABLE, hide_env_values = true)]
    key: Option<String>,
    /// A file with the operator's identity key: 64 hex digits. It is taken before --key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The draw's descriptor digest (D): 64 hex digits.
    #[arg(long, value_parser = parse_hash, value_name = "HEX")]
    descriptor: Hash,
    /// What vouches for the person: `mail`, `invite`, `enqueue-token` or `oidc:<issuer>`.
    #[arg(long, value_name = "METHOD")]
    method: String,
    /// The method's name for the person: the address, the code, the `sub` claim.
    #[arg(long, value_name = "SUBJECT")]
    subject: String,
}

/// Prints the tag, in hex.
///
/// # Errors
/// Where there is no key, or no such identity.
pub(super) fn run(args: &TagArgs, mut out: impl Write) -> anyhow::Result<()> {
    let method = Method::new(args.method.as_str()).context("--method")?;
    let identity = Identity::new(method, &args.subject).context("--subject")?;
    let key = IdentityKey::new(&read_key(args)?, &args.descriptor);
    writeln!(out, "{}", hex::encode(tag(&key, &identity))).context("cannot write to standard output")
}

fn read_key(args: &TagArgs) -> anyhow::Result<Hash> {
    match (&args.key, &args.key_file) {
        (_, Some(path)) => parse_key(read(path)?.trim(), &in_file(path)),
        (Some(key), None) => parse_key(key, &format!("--key (or {KEY_VARIABLE})")),
        (None, None) => bail!("there is no key: give it with --key-file, --key or {KEY_VARIABLE}"),
    }
}

fn in_file(path: &Path) -> String {
    format!("--key-file {}", path.display())
}

fn parse_key(text: &str, from: &str) -> anyhow::Result<Hash> {
    let mut key = [0; 32];
    // What is wrong with it would show some of it.
    if hex::decode_to_slice(text, &mut key).is_err() {
        bail!("{from} is no identity key: it has 64 hex digits");
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(key: Option<&str>, file: Option<&Path>, method: &str, subject: &str) -> TagArgs {
        TagArgs {
            key: key.map(str::to_owned),
            key_file: file.map(Path::to_owned),
            descriptor: parse_hash("22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6").unwrap(),
            method: method.to_owned(),
            subject: subject.to_owned(),
        }
    }

    fn printed(args: &TagArgs) -> Result<String, String> {
        let mut out = Vec::new();
        run(args, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn prints_the_tag_of_the_test_vectors() {
        let key = "42".repeat(32);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("identity.key");
        std::fs::write(&file, format!("{key}\n")).unwrap();
        let provider = "oidc:https://id.example";
        for given in [args(Some(&key), None, provider, "user-0"), args(None, Some(&file), provider, "user-0")] {
            assert_eq!(printed(&given).unwrap(), "0554622971da338e938f1eff14a8060c\n");
        }
        let spelled = |subject: &str| printed(&args(Some(&key), None, "mail", subject)).unwrap();
        assert_eq!(spelled("Jo+x@Example.com"), spelled("jo@example.com"));
    }

    #[test]
    fn says_what_is_wrong_and_nothing_of_the_key() {
        let wrong = |args: &TagArgs| printed(args).unwrap_err();
        let none = wrong(&args(None, None, "mail", "a@example.com"));
        assert_eq!(none, "there is no key: give it with --key-file, --key or FAIRGATE_IDENTITY_KEY");
        let key = format!("{}zz", "5e".repeat(31));
        let bad = wrong(&args(Some(&key), None, "mail", "a@example.com"));
        assert_eq!(bad, "--key (or FAIRGATE_IDENTITY_KEY) is no identity key: it has 64 hex digits");
        let method = wrong(&args(Some(&key), None, "my mail", "a@example.com"));
        assert!(method.starts_with("--method: \"my mail\" is no method"), "{method}");
        let subject = wrong(&args(Some(&key), None, "mail", "a"));
        assert_eq!(subject, "--subject: this is no subject of mail: a mail address has an @");
        let missing = wrong(&args(None, Some(Path::new("nowhere.key")), "mail", "a@example.com"));
        assert!(missing.starts_with("cannot read nowhere.key"), "{missing}");
    }
}
