//! `fairgate room top` in a real terminal.

use std::process::Command;

use crate::world::{ADMIN_TOKEN, Setup, World};

#[test]
fn top_shows_the_room_ends_at_q_and_leaves_the_terminal_as_it_was() {
    let world = World::start(Setup::default());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/top.py");
    let url = format!("http://{}", world.admin_address);
    let output = Command::new("python3")
        .args([script, env!("CARGO_BIN_EXE_fairgate"), &url, "final"])
        .env("FAIRGATE_ADMIN_TOKEN", ADMIN_TOKEN)
        .env("TERM", "xterm")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
