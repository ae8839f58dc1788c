//! A page's script: ES modules that node can test one by one, joined into the one that the document carries.

/// The waiting page's modules, in the order of their imports: each uses only what stands before it.
pub(super) const WAITING: &[&str] = &[
    include_str!("../../pages/waiting/config.js"),
    include_str!("../../pages/waiting/evidence.js"),
    include_str!("../../pages/waiting/place.js"),
    include_str!("../../pages/waiting/tiers.js"),
    include_str!("../../pages/waiting/own.js"),
    include_str!("../../pages/waiting/pace.js"),
    include_str!("../../pages/waiting/words.js"),
    include_str!("../../pages/waiting/screens.js"),
    include_str!("../../pages/waiting/kept.js"),
    include_str!("../../pages/waiting/wire.js"),
    include_str!("../../pages/waiting/show.js"),
    include_str!("../../pages/waiting/page.js"),
];

/// The modules of the page that checks a draw.
pub(super) const CHECK: &[&str] = &[
    include_str!("../../pages/waiting/sha256.js"),
    include_str!("../../pages/waiting/evidence.js"),
    include_str!("../../pages/waiting/place.js"),
    include_str!("../../pages/waiting/tiers.js"),
    include_str!("../../pages/waiting/draw.js"),
    include_str!("../../pages/check/qr.js"),
    include_str!("../../pages/check/judge.js"),
    include_str!("../../pages/check/log.js"),
    include_str!("../../pages/check/seen.js"),
    include_str!("../../pages/check/rules.js"),
    include_str!("../../pages/check/claims.js"),
    include_str!("../../pages/check/steps.js"),
    include_str!("../../pages/check/check.js"),
];

/// The modules of the worker that checks a round's signature. They follow [`BLS`], which is no module.
pub(super) const ROUND: &[&str] =
    &[include_str!("../../pages/waiting/sha256.js"), include_str!("../../pages/check/round.js")];

/// The modules of the worker that reads the draw log's proofs for the waiting page.
pub(super) const SEEN: &[&str] = &[
    include_str!("../../pages/waiting/sha256.js"),
    include_str!("../../pages/waiting/place.js"),
    include_str!("../../pages/waiting/tiers.js"),
    include_str!("../../pages/waiting/draw.js"),
    include_str!("../../pages/check/log.js"),
    include_str!("../../pages/check/seen.js"),
    include_str!("../../pages/check/seen_worker.js"),
];

/// The modules of the screen before a join. Its words stand before them.
pub(super) const ENTRY: &[&str] = &[
    include_str!("../../pages/entry/spell.js"),
    include_str!("../../pages/entry/made.js"),
    include_str!("../../pages/entry/ways.js"),
    include_str!("../../pages/entry/dom.js"),
    include_str!("../../pages/entry/work.js"),
    include_str!("../../pages/entry/entry.js"),
];

/// The module that tells a fan of the turn. Its words stand before it.
pub(super) const TELL: &[&str] = &[include_str!("../../pages/tell/tell.js")];

/// The worker that its notifications come from.
pub(super) const TELL_WORKER: &[&str] = &[include_str!("../../pages/tell/worker.js")];

/// The modules of what is filled in or pressed on that screen.
pub(super) const FORMS: &[&str] = &[
    include_str!("../../pages/entry/code.js"),
    include_str!("../../pages/entry/dom.js"),
    include_str!("../../pages/entry/provider.js"),
    include_str!("../../pages/entry/forms.js"),
];

/// The modules that bind a place to the browser.
pub(super) const KEY: &[&str] = &[
    include_str!("../../pages/entry/spell.js"),
    include_str!("../../pages/entry/key.js"),
    include_str!("../../pages/entry/code.js"),
    include_str!("../../pages/entry/bind.js"),
];

/// The modules that offer a place to another device.
pub(super) const MOVE: &[&str] = &[include_str!("../../pages/entry/dom.js"), include_str!("../../pages/entry/move.js")];

/// The modules of the page on which another device takes it.
pub(super) const MOVE_PAGE: &[&str] = &[
    include_str!("../../pages/waiting/config.js"),
    include_str!("../../pages/waiting/evidence.js"),
    include_str!("../../pages/waiting/kept.js"),
    include_str!("../../pages/waiting/wire.js"),
    include_str!("../../pages/entry/spell.js"),
    include_str!("../../pages/entry/key.js"),
    include_str!("../../pages/entry/code.js"),
    include_str!("../../pages/entry/bind.js"),
    include_str!("../../pages/move/move.js"),
];

/// The modules that keep a bound pass alive in the shop's pages.
pub(super) const KEEP: &[&str] = &[
    include_str!("../../pages/entry/spell.js"),
    include_str!("../../pages/entry/key.js"),
    include_str!("../../pages/entry/keep.js"),
];

/// The module that solves puzzles in a worker.
pub(super) const BIRTHDAY: &[&str] = &[include_str!("../../pages/entry/birthday.js")];

/// Signatures on the curve BLS12-381, as `pages/vendor/README.md` describes it: the global `bls`.
pub(super) const BLS: &str = include_str!("../../pages/vendor/bls12-381.js");

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use fairgate_pages::bundle;

    use super::*;

    const ALL: [&[&str]; 13] =
        [WAITING, CHECK, ROUND, SEEN, ENTRY, FORMS, KEY, KEEP, BIRTHDAY, MOVE, MOVE_PAGE, TELL, TELL_WORKER];

    /// Names that two modules share, and whatever else is no script, are seen by whoever runs scripts.
    #[test]
    fn each_bundle_is_a_script_that_node_accepts() {
        for modules in ALL {
            let file = tempfile::Builder::new().suffix(".mjs").tempfile().expect("a file");
            std::fs::write(file.path(), bundle(modules)).expect("the bundle is written");
            let node = Command::new("node").arg("--check").arg(file.path()).stdout(Stdio::null()).output();
            let node = node.expect("node runs: make setup installs it");
            assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
        }
    }

    #[test]
    fn each_bundle_is_one_script() {
        for modules in ALL {
            let bundle = bundle(modules);
            assert!(!bundle.contains("\nimport ") && !bundle.contains("\nexport "), "modules are joined");
            assert!(!bundle.contains("</script"), "nothing ends the element early");
            assert!(!bundle.lines().any(|line| line.starts_with("//")), "comments stay in the sources");
        }
    }
}
