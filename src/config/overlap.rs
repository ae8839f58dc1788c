//! What only shows when all sections are known: names that lead nowhere or twice, rooms that claim the same requests.

use super::reader::{Document, Step};
use super::{Config, Host, RoomConfig};

/// Reports what contradicts itself.
pub(super) fn check(config: &Config, document: &Document<'_>) {
    check_names(config, document);
    for (index, room) in config.rooms.iter().enumerate() {
        check_upstream(config, document, index, room);
        check_reserved(config, document, index, room);
        for earlier in &config.rooms[..index] {
            if !check_pair(document, index, room, earlier) {
                check_hosts(config, document, (room, earlier));
            }
        }
    }
    check_listeners(config, document);
}

fn check_names(config: &Config, document: &Document<'_>) {
    let upstreams: Vec<&str> = config.upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    let rooms: Vec<&str> = config.rooms.iter().map(|room| room.name.as_str()).collect();
    for (table, names) in [("upstream", upstreams), ("room", rooms)] {
        for (index, name) in names.iter().enumerate().filter(|(index, name)| names[..*index].contains(name)) {
            let path = [Step::Key(table), Step::Item(index), Step::Key("name")];
            document.problem(&path, &format!("{table}[{name}].name"), "is used twice", "give each its own name");
        }
    }
}

fn check_upstream(config: &Config, document: &Document<'_>, index: usize, room: &RoomConfig) {
    if config.upstream(&room.upstream).is_none() {
        let known: Vec<_> = config.upstreams.iter().map(|upstream| format!("{:?}", upstream.name)).collect();
        let remedy =
            if known.is_empty() { "add an [[upstream]]".into() } else { format!("use {}", known.join(" or ")) };
        let what = format!("there is no upstream named {:?}", room.upstream);
        document.problem(&at(index, "upstream"), &key(room, "upstream"), what, remedy);
    }
}

fn check_reserved(config: &Config, document: &Document<'_>, index: usize, room: &RoomConfig) {
    let prefix = &config.edge.prefix;
    for (list, paths) in [("paths", &room.paths), ("exempt", &room.exempt)] {
        for path in paths.iter().filter(|path| covers(prefix, path)) {
            let what = format!("{path:?} lies under {prefix}, which is fairgate's own");
            document.problem(&at(index, list), &key(room, list), what, "protect another path, or change edge.prefix");
        }
    }
    let outside = room.exempt.iter().filter(|_| !room.paths.is_empty());
    for path in outside.filter(|path| !room.paths.iter().any(|protected| covers(protected, path))) {
        let what = format!("{path:?} is outside of the room's paths, so it is not protected anyway");
        document.problem(
            &at(index, "exempt"),
            &key(room, "exempt"),
            what,
            "remove it, or name a path below one of paths",
        );
    }
}

/// Two rooms must not claim the same requests; answers whether they do.
fn check_pair(document: &Document<'_>, index: usize, room: &RoomConfig, earlier: &RoomConfig) -> bool {
    let Some(host) = shared_host(room, earlier) else { return false };
    let both = room.paths.iter().flat_map(|path| earlier.paths.iter().map(move |other| (path, other)));
    let folds = room.case_insensitive || earlier.case_insensitive;
    let spelled = |path: &String| if folds { path.to_lowercase() } else { path.clone() };
    let overlap = |path: &String, other: &String| {
        let (path, other) = (spelled(path), spelled(other));
        covers(&path, &other) || covers(&other, &path)
    };
    let mut overlaps = both.filter(|(path, other)| overlap(path, other)).peekable();
    let is_any = overlaps.peek().is_some();
    for (path, other) in overlaps {
        let what = format!("{path:?} overlaps {other:?} of room {:?} on host {host}", earlier.name);
        let remedy = "a request must belong to one room: give the rooms different hosts, or paths that do not contain each other";
        document.problem(&at(index, "paths"), &key(room, "paths"), what, remedy);
    }
    is_any
}

/// A shop answers by whatever host it is asked. So a room with `*` must not lead hosts to it by which another room's pages are
/// nobody's.
fn check_hosts(config: &Config, document: &Document<'_>, (one, other): (&RoomConfig, &RoomConfig)) {
    let is_any = |room: &RoomConfig| room.hosts.contains(&Host::Any);
    let (any, named) = match (is_any(one), is_any(other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        _ => return,
    };
    let shop = |room: &RoomConfig| config.upstream(&room.upstream).map(|shop| (&shop.host, shop.port));
    if shop(any).is_none() || shop(any) != shop(named) {
        return;
    }
    let names = named.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let paths = named.paths.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(", ");
    let what = format!(
        "\"*\" takes every host to a shop of which room {:?} protects {paths} for {names} alone: by any other host those pages \
         would be answered with 421",
        named.name
    );
    let remedy = format!("name this room's hosts, too, or write hosts = [\"*\"] in room {:?} as well", named.name);
    let index = config.rooms.iter().position(|room| std::ptr::eq(room, any)).unwrap_or_default();
    document.problem(&at(index, "hosts"), &key(any, "hosts"), what, remedy);
}

fn shared_host(room: &RoomConfig, other: &RoomConfig) -> Option<String> {
    let named = |host: &Host| match host {
        Host::Any => None,
        Host::Name(name) => Some(name.clone()),
    };
    let any = |room: &RoomConfig| room.hosts.contains(&Host::Any);
    match (any(room), any(other)) {
        (true, true) => Some("*".into()),
        (true, false) => other.hosts.iter().find_map(named),
        (false, true) => room.hosts.iter().find_map(named),
        (false, false) => room.hosts.iter().find(|host| other.hosts.contains(host)).and_then(named),
    }
}

fn check_listeners(config: &Config, document: &Document<'_>) {
    let edge = &config.edge;
    let mut seen = Vec::new();
    let listeners = edge.listen.iter().chain(edge.tls.iter().map(|tls| &tls.listen)).chain([&config.admin.listen]);
    for listener in listeners.filter(|listener| listener.port() != 0) {
        if seen.contains(&listener) {
            let remedy = "give edge.listen, edge.tls and admin.listen different addresses or ports";
            document.problem(&[Step::Key("edge")], "edge.listen", format!("{listener} is used twice"), remedy);
        }
        seen.push(listener);
    }
}

/// True if a prefix covers a path, in whole segments.
fn covers(prefix: &str, path: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn at(index: usize, key: &str) -> [Step<'_>; 3] {
    [Step::Key("room"), Step::Item(index), Step::Key(key)]
}

fn key(room: &RoomConfig, key: &str) -> String {
    format!("room[{}].{key}", room.name)
}
