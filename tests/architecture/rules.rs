//! Who may name whom, as a table, and the check of it.

use super::tree::{Link, Source, Tree};

/// Names that a part of the project never uses.
#[derive(Debug)]
pub(crate) struct Never {
    /// The parts: module paths without the crate's name.
    pub(crate) who: &'static [&'static str],
    /// Parts of these that may.
    pub(crate) but: &'static [&'static str],
    /// Parts, other crates, or paths in them.
    pub(crate) names: &'static [&'static str],
    /// What would be lost.
    pub(crate) why: &'static str,
    /// What to do instead.
    pub(crate) remedy: &'static str,
}

/// Everything that does I/O, keeps a connection, or has tasks.
const IO: &[&str] = &[
    "tokio",
    "pingora",
    "axum",
    "hyper",
    "reqwest",
    "redis",
    "tokio_postgres",
    "deadpool",
    "deadpool_postgres",
    "lettre",
    "std::fs",
    "std::process",
    "std::env",
    "std::net::TcpListener",
    "std::net::TcpStream",
];

/// The crates of `crates/`, in their order: each depends only on those before it.
pub(crate) const CRATES: &[&str] = &[
    "draw",
    "semaphore",
    "pages",
    "problem",
    "core",
    "entry",
    "telemetry",
    "token",
    "store",
    "verify",
    "testkit",
    "booking",
];

/// Folders of the package that keep the rules of a crate, by its name. The metrics of edges and rooms are telemetry
/// that names the room.
const ALSO: &[(&str, &str)] = &[("observe", "telemetry")];

/// The table.
pub(crate) const NEVER: &[Never] = &[
    Never {
        who: &["request", "room", "recovery", "overload", "rate_limit", "fields"],
        but: &[],
        names: IO,
        why: "the core is pure: time, randomness and what the network said come in as arguments",
        remedy: "return what is to be done, and do it in the edge or the store",
    },
    Never {
        who: &["request", "room", "recovery", "overload", "rate_limit", "fields"],
        but: &[],
        names: &["edge", "booking", "store", "config", "admin", "telemetry", "token", "page", "cli"],
        why: "the core stands below everything else",
        remedy: "take what is needed as an argument, or move the type down into the core",
    },
    Never {
        who: &["entry"],
        but: &[],
        names: IO,
        why: "who is a person is decided from what was shown, the room's rules and the time",
        remedy: "return an errand, and run it in the edge",
    },
    Never {
        who: &["token"],
        but: &[],
        names: &["tokio", "pingora", "axum", "hyper", "reqwest", "redis", "tokio_postgres"],
        why: "tickets and passes are checked by shops and verifiers, too, which have no server",
        remedy: "do the I/O at the caller",
    },
    Never {
        who: &["token", "telemetry", "page"],
        but: &[],
        names: &["edge", "booking", "store", "admin", "cli", "demo"],
        why: "both products are built on it",
        remedy: "hand the value in, or move the type down",
    },
    Never {
        who: &["config"],
        but: &[],
        names: &["tokio", "pingora::proxy", "axum", "redis", "tokio_postgres", "edge", "booking", "admin", "cli"],
        why: "reading the configuration starts nothing",
        remedy: "keep values in `config`, and make things of them where they are used",
    },
    Never {
        who: &["definitions"],
        but: &[],
        names: &["edge", "admin", "cli", "axum", "pingora", "redis", "booking"],
        why: "what people write of rooms is kept the same for the edge and the admin API",
        remedy: "hand the value in, and act on it where rooms run",
    },
    Never {
        who: &["store"],
        but: &[],
        names: &["pingora::proxy", "axum", "tokio_postgres", "edge", "booking", "cli", "demo"],
        why: "a store keeps rooms for whoever asks",
        remedy: "put the call into the edge, and what both need into the core",
    },
    Never {
        who: &["verify"],
        but: &[],
        names: &["tokio", "pingora", "axum", "redis", "tokio_postgres", "edge", "booking", "store", "admin", "config"],
        why: "whoever verifies a draw trusts nothing of the server",
        remedy: "verify from what is published",
    },
    Never {
        who: &["booking"],
        but: &[],
        names: &["pingora", "edge", "room", "store", "cli", "demo"],
        why: "the booking core runs without the edge, behind any waiting room",
        remedy: "speak by tokens and HTTP",
    },
    Never {
        who: &["edge"],
        but: &[],
        names: &["booking", "cli", "demo", "tokio_postgres", "redis", "axum"],
        why: "the edge stands in front of any shop, and its rooms are in any store",
        remedy: "speak to shops by HTTP and to rooms by `store::Store`",
    },
    Never {
        who: &["admin"],
        but: &[],
        names: &["edge", "booking", "pingora", "tokio_postgres", "redis", "cli"],
        why: "the edge serves the admin API, and hands in what the API asks of it",
        remedy: "add a field to `Admin`",
    },
    Never {
        who: &[
            "request",
            "room",
            "token",
            "telemetry",
            "page",
            "config",
            "store",
            "verify",
            "booking",
            "edge",
            "admin",
        ],
        but: &[],
        names: &["testkit"],
        why: "private servers are for tests, tools and the demo",
        remedy: "start the server in a test",
    },
];

/// What breaks a rule, as lines for people.
pub(crate) fn broken<'r>(tree: &Tree, rules: impl IntoIterator<Item = &'r Never>) -> Vec<String> {
    let rules: Vec<&Never> = rules.into_iter().collect();
    tree.links()
        .filter(|link| !link.is_test)
        .flat_map(|link| rules.iter().filter_map(move |rule| rule.broken_by(&link)).collect::<Vec<_>>())
        .collect()
}

impl Never {
    fn broken_by(&self, link: &Link<'_>) -> Option<String> {
        let (from, to) = (part(&link.from.module), target(link));
        let is_meant = self.who.iter().any(|who| is_in(&from, who)) && !self.but.iter().any(|but| is_in(&from, but));
        let name = self.names.iter().find(|name| is_in(&to, name)).filter(|_| is_meant)?;
        let (file, line) = (&link.from.file, link.line);
        Some(format!("{file}:{line}: names `{name}` ({}). Rule: {}. Remedy: {}.", to.join("::"), self.why, self.remedy))
    }
}

/// What is wrong with the order of the crates; `manifests` are their names and their `Cargo.toml`.
pub(crate) fn out_of_order(manifests: &[(String, String)]) -> Vec<String> {
    let place = |name: &str| CRATES.iter().position(|known| *known == name);
    let mut wrong = Vec::new();
    for (name, manifest) in manifests {
        let Some(own) = place(name) else {
            wrong.push(format!(
                "crates/{name} has no place in the order. Remedy: name it in `CRATES` (tests/architecture)."
            ));
            continue;
        };
        let later = dependencies(manifest).filter(|other| place(other).is_none_or(|other| other >= own));
        wrong.extend(later.map(|other| {
            format!(
                "crates/{name}/Cargo.toml: depends on `fairgate-{other}`. Rule: a crate depends only on those before it in `CRATES`. \
                 Remedy: move the type to the earlier crate, or hand it in."
            )
        }));
    }
    wrong
}

/// The project's own crates that a manifest depends on, but for its tests.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let of_build = manifest.split("\n[").filter(|section| section.starts_with("dependencies]"));
    let own = |line: &'_ str| line.split_once(['=', '.', ' ']).map_or(line, |(name, _)| name).len();
    of_build.flat_map(str::lines).filter_map(move |line| line[..own(line)].strip_prefix("fairgate-"))
}

/// A module without its crate: the same before and after a folder has become a crate.
pub(crate) fn part(module: &[String]) -> Vec<String> {
    let (first, rest) = match module[0].as_str() {
        "fairgate" | "fairgate_core" if module.len() > 1 => (module[1].as_str(), &module[2..]),
        name => (name.strip_prefix("fairgate_").unwrap_or(name), &module[1..]),
    };
    let first = ALSO.iter().find(|(now, _)| *now == first).map_or(first, |(_, then)| then);
    [&[first.to_owned()], rest].concat()
}

fn target(link: &Link<'_>) -> Vec<String> {
    if link.to.is_some() { part(&link.path) } else { link.path.clone() }
}

/// True if a path is, or lies in, another one.
pub(crate) fn is_in(path: &[String], other: &str) -> bool {
    let mut names = path.iter();
    other.split("::").all(|name| names.next().is_some_and(|own| own == name))
}

/// The parts that there are.
pub(crate) fn has_part(tree: &Tree, name: &str) -> bool {
    tree.sources().any(|Source { module, .. }| is_in(&part(module), name))
}
