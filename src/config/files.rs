//! The files that a configuration names: readable, and what they should be.

use std::fs;
use std::path::Path;

use super::reader::{Document, Step};
use super::{Config, TlsListener};
use crate::pass::KeyRing;

/// Reports files that cannot be used.
pub(super) fn check(config: &Config, document: &Document<'_>) {
    if let Err(error) = KeyRing::load(&config.edge.keys, &config.edge.issuer) {
        let remedy = format!("make one with `fairgate keys new --dir {}`", config.edge.keys.display());
        document.problem(&[Step::Key("edge"), Step::Key("keys")], "edge.keys", error.to_string(), remedy);
    }
    for (index, listener) in config.edge.tls.iter().enumerate() {
        check_tls(document, index, listener);
    }
    for (index, room) in config.rooms.iter().enumerate() {
        if let Some(template) = &room.page.template
            && let Err(error) = fs::read_to_string(template)
        {
            let path = [Step::Key("room"), Step::Item(index), Step::Key("page"), Step::Key("template")];
            let what = format!("{} cannot be read: {error}", template.display());
            let key = format!("room[{}].page.template", room.name);
            document.problem(&path, &key, what, "check the path, or leave it out for the built-in page");
        }
    }
}

fn check_tls(document: &Document<'_>, index: usize, listener: &TlsListener) {
    let files = [
        ("certificate", &listener.certificate, "CERTIFICATE", "a certificate chain"),
        ("key", &listener.key, "PRIVATE KEY", "a private key"),
    ];
    for (key, path, tag, what) in files {
        if let Err(reason) = check_pem(path, tag, what) {
            let step = [Step::Key("edge"), Step::Key("tls"), Step::Item(index), Step::Key(key)];
            let remedy = format!("name a PEM file with {what} that the user running fairgate can read");
            document.problem(&step, &format!("edge.tls[{index}].{key}"), reason, remedy);
        }
    }
}

fn check_pem(path: &Path, tag: &str, what: &str) -> Result<(), String> {
    let text = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let found = pem::parse_many(text).is_ok_and(|blocks| blocks.iter().any(|block| block.tag().ends_with(tag)));
    if found { Ok(()) } else { Err(format!("{} is not {what} in PEM", path.display())) }
}
