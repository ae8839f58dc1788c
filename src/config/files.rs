//! The files that a configuration names: readable, and what they should be.

use std::fs;
use std::path::Path;

use pingora::tls;

use super::reader::{Document, Step};
use super::store::read_authority;
use super::{Config, RoomConfig, ShopKeySource, TlsListener};
use crate::page::{EntryPage, WaitingPage, read_page};
use fairgate_entry::shop::ShopKeys;
use fairgate_token::KeyRing;

/// Reports files that cannot be used.
pub(super) fn check(config: &Config, document: &Document<'_>) {
    if let Err(error) = KeyRing::load(&config.edge.keys, &config.edge.issuer) {
        let remedy = format!("make one with `fairgate keys new --dir {}`", config.edge.keys.display());
        document.problem(&[Step::Key("edge"), Step::Key("keys")], "edge.keys", error.to_string(), remedy);
    }
    if let Some(Err(reason)) =
        config.store.redis.as_ref().and_then(|redis| redis.authority.as_deref()).map(read_authority)
    {
        let path = [Step::Key("store"), Step::Key("redis_ca")];
        document.problem(&path, "store.redis_ca", reason, "name a PEM file with the authority's certificates");
    }
    check_log_key(config, document);
    for (index, listener) in config.edge.tls.iter().enumerate() {
        check_tls(document, index, listener);
    }
    for (index, room) in config.rooms.iter().enumerate() {
        check_template(config, document, index, room);
        check_public_page(document, index, room);
        check_key_sets(document, index, room);
    }
}

fn check_key_sets(document: &Document<'_>, index: usize, room: &RoomConfig) {
    for (number, shop) in room.entry.shops.iter().enumerate() {
        let ShopKeySource::File(file) = &shop.key else { continue };
        let read = fs::read(file).map_err(|error| format!("{} cannot be read: {error}", file.display()));
        let keys = read.and_then(|document| ShopKeys::read(&document).map_err(|error| error.to_string()));
        if let Err(reason) = keys {
            let steps =
                [Step::Key("room"), Step::Item(index), Step::Key("entry"), Step::Key("shop"), Step::Item(number)];
            let path = [&steps[..], &[Step::Key("jwks")]].concat();
            let key = format!("room[{}].entry.shop[{}].jwks", room.name, shop.name);
            document.problem(&path, &key, reason, "name a JWKS file with the shop's public keys, or its URL");
        }
    }
}

/// A key in an environment variable belongs to the machine that runs the edge, which need not be the one that checks.
fn check_log_key(config: &Config, document: &Document<'_>) {
    let Some(log) = config.draw_log.as_ref().filter(|log| log.key.file.is_some()) else { return };
    if let Err(reason) = log.signer(|_| None) {
        let path = [Step::Key("draw"), Step::Key("log"), Step::Key("key")];
        let remedy = "make one with `fairgate keys log --host tickets.example`, with the host that fans know";
        document.problem(&path, "draw.log.key", reason, remedy);
    }
}

fn check_template(config: &Config, document: &Document<'_>, index: usize, room: &RoomConfig) {
    let page = match room.page_input(&config.edge.prefix, EntryPage::default()) {
        Ok(page) => page,
        Err((key, error)) => {
            let path = [Step::Key("room"), Step::Item(index), Step::Key("page"), Step::Key(key)];
            let named = format!("room[{}].page.{key}", room.name);
            document.problem(&path, &named, error.to_string(), "name a small picture, or leave it out");
            return;
        }
    };
    if room.page.template.is_none() {
        return;
    }
    if let Err(error) = WaitingPage::check(&page) {
        let path = [Step::Key("room"), Step::Item(index), Step::Key("page"), Step::Key("template")];
        let key = format!("room[{}].page.template", room.name);
        document.problem(&path, &key, error.to_string(), "put it right, or leave it out for the built-in page");
    }
}

fn check_public_page(document: &Document<'_>, index: usize, room: &RoomConfig) {
    let Some(Err(error)) = room.page.public_page.as_deref().map(read_page) else { return };
    let path = [Step::Key("room"), Step::Item(index), Step::Key("page"), Step::Key("public_page")];
    let key = format!("room[{}].page.public_page", room.name);
    document.problem(
        &path,
        &key,
        error.to_string(),
        "put it right, or leave it out: crawlers are told to come back then",
    );
}

fn check_tls(document: &Document<'_>, index: usize, listener: &TlsListener) {
    let problem = |key: &'static str, what: String, remedy: &str| {
        let step = [Step::Key("edge"), Step::Key("tls"), Step::Item(index), Step::Key(key)];
        document.problem(&step, &format!("edge.tls[{index}].{key}"), what, remedy);
    };
    let certificate = check_pem(&listener.certificate, "CERTIFICATE", "a certificate chain");
    let key = check_pem(&listener.key, "PRIVATE KEY", "a private key");
    let readable = "name a PEM file that the user running fairgate can read";
    match (certificate, key) {
        (Ok(()), Ok(())) => {
            if let Err(reason) = check_pair(listener) {
                problem("key", reason, "name the private key that the certificate was issued for, unencrypted");
            }
        }
        (certificate, key) => {
            certificate.err().into_iter().for_each(|reason| problem("certificate", reason, readable));
            key.err().into_iter().for_each(|reason| problem("key", reason, readable));
        }
    }
}

/// Checks that certificate and key belong together, as the listener will find out.
fn check_pair(listener: &TlsListener) -> Result<(), String> {
    let (certificate, key) = (listener.certificate.to_string_lossy(), listener.key.to_string_lossy());
    let pair = tls::load_certs_and_key_files(&certificate, &key).map_err(|error| error.to_string())?;
    let (certificates, private_key) = pair.ok_or_else(|| format!("{key} has no key of a kind that TLS knows"))?;
    tls::install_default_crypto_provider();
    let provider = tls::CryptoProvider::get_default().expect("it was just installed");
    let together = tls::sign::CertifiedKey::from_der(certificates, private_key, provider);
    together.map(drop).map_err(|error| format!("{key} does not fit {certificate}: {error}"))
}

fn check_pem(path: &Path, tag: &str, what: &str) -> Result<(), String> {
    let text = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let found = pem::parse_many(text).is_ok_and(|blocks| blocks.iter().any(|block| block.tag().ends_with(tag)));
    if found { Ok(()) } else { Err(format!("{} is not {what} in PEM", path.display())) }
}
