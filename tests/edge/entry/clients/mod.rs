//! Clients and servers that others wrote, from npm, against a real edge: their reading of the specifications, not ours.

mod altcha;
mod jose;
mod oidc_provider;
mod privacypass;

use std::path::Path;

use fairgate_testkit::node::Client;

/// Starts a client of `tests/clients`.
fn client(script: &str) -> Client {
    Client::start(script, Path::new(env!("CARGO_TARGET_TMPDIR")))
}
