//! What makes no sense in `[room.entry]`.

use fairgate_draw::v2::Method;

use super::{Binding, EntryPolicy, EntrySettings, WayKind};
use crate::way::{ENTRIES_MAX, WayName};

/// Most ways of a room.
const WAYS_MAX: usize = 32;
/// Most moves of an entry.
const MOVES_MAX: u8 = 8;

/// Something that makes no sense, with the key that says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct PolicyProblem {
    /// The key below `[room.entry]`.
    pub key: &'static str,
    /// What is wrong, and the remedy.
    pub message: String,
}

/// Something that is allowed and yet not what an organizer usually wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWarning {
    /// The key below `[room.entry]`.
    pub key: &'static str,
    /// What will happen, and the remedy.
    pub message: String,
}

/// A list of ways that was read, and the problems in it.
struct Names<'s> {
    ways: &'s [(WayName, WayKind)],
    problems: Vec<PolicyProblem>,
}

pub(super) fn check(settings: EntrySettings) -> Result<EntryPolicy, Vec<PolicyProblem>> {
    let mut names = Names { ways: &settings.ways, problems: Vec::new() };
    names.check_ways();
    let identity = names.read("identity", &settings.identity);
    let any_of = names.read("any_of", &settings.any_of);
    let all_of = names.read("all_of", &settings.all_of);
    let suspicious = names.read("suspicious", &settings.suspicious);
    let claim = names.read("claim", &settings.claim);
    let identity = names.methods(identity);
    names.check_branches(&identity, &any_of, &all_of);
    names.check_scripts("suspicious", &suspicious);
    names.check_scripts("claim", &claim);
    if settings.suspicious_at == 0 {
        names.problem("suspicious_at", "0 would ask everybody; use `claim` for that, or a number from 1 on".into());
    }
    if settings.moves > MOVES_MAX {
        names.problem("moves", format!("{} is too many; use 0 to {MOVES_MAX}", settings.moves));
    }
    let warnings = warnings(&settings);
    let problems = names.problems;
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(EntryPolicy {
        ways: settings.ways,
        identity,
        any_of,
        all_of,
        suspicious,
        claim,
        binding: settings.binding,
        suspicious_at: settings.suspicious_at,
        moves: settings.moves,
        warnings,
    })
}

impl Names<'_> {
    fn problem(&mut self, key: &'static str, message: String) {
        self.problems.push(PolicyProblem { key, message });
    }

    fn kind(&self, name: &str) -> Option<&WayKind> {
        self.ways.iter().find(|(own, _)| own.as_str() == name).map(|(_, kind)| kind)
    }

    /// The ways themselves: names and issuers.
    fn check_ways(&mut self) {
        if self.ways.len() > WAYS_MAX {
            self.problem("ways", format!("a room has at most {WAYS_MAX} ways; remove some"));
        }
        for (place, (name, kind)) in self.ways.iter().enumerate() {
            if matches!(kind, WayKind::Oidc { issuer } if Method::oidc(issuer).is_err()) {
                self.problem(
                    "oidc",
                    format!("the `issuer` of `{name}` is an https:// address in ASCII without spaces"),
                );
            }
            let before = &self.ways[..place];
            if before.iter().any(|(other, _)| other == name) {
                self.problem("name", format!("two ways are called `{name}`; give one of them another `name`"));
            }
            if name.as_str() == WayName::WAIT {
                let message = "`wait` stands for `work` where it cannot be done; give the way another `name`";
                self.problem("name", message.into());
            }
            let same_issuer = |(_, other): &(WayName, WayKind)| matches!(kind, WayKind::Oidc { .. }) && other == kind;
            if before.iter().any(same_issuer) {
                let message =
                    format!("`{name}` is a second client of one issuer; subjects may differ by client: keep one");
                self.problem("oidc", message);
            }
            if matches!(kind, WayKind::Code { entries_max } if !(1..=ENTRIES_MAX).contains(entries_max)) {
                self.problem("codes", format!("`entries` is 1 to {ENTRIES_MAX}"));
            }
        }
    }

    /// A list of names: each is configured, none stands twice.
    fn read(&mut self, key: &'static str, names: &[String]) -> Vec<WayName> {
        let mut read: Vec<WayName> = Vec::with_capacity(names.len());
        for name in names {
            if name == WayName::WAIT {
                self.problem(key, "`wait` cannot be asked for; it stands for `work` by itself: remove it".into());
                continue;
            }
            let known = self.ways.iter().find(|(own, _)| own.as_str() == name).map(|(own, _)| own.clone());
            match known {
                None => {
                    let known: Vec<&str> = self.ways.iter().map(|(own, _)| own.as_str()).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    self.problem(key, format!("`{name}` is no way of this room; configured are: {known}"));
                }
                Some(own) if read.contains(&own) => {
                    self.problem(key, format!("`{name}` stands twice; remove one"));
                }
                Some(own) => read.push(own),
            }
        }
        read
    }

    /// The methods of the ways that show identities, ascending by bytes.
    fn methods(&mut self, identity: Vec<WayName>) -> Vec<(WayName, Method)> {
        let mut methods: Vec<(WayName, Method)> = Vec::with_capacity(identity.len());
        for name in identity {
            let Some(method) = self.kind(name.as_str()).and_then(WayKind::method) else {
                let message = format!("`{name}` shows nobody in particular; name a code, shop, sign-in or mail");
                self.problem("identity", message);
                continue;
            };
            if let Some((other, _)) = methods.iter().find(|(_, own)| *own == method) {
                let message = format!(
                    "`{other}` and `{name}` both vouch as `{method}`, so one's subjects could be the other's; keep one"
                );
                self.problem("identity", message);
                continue;
            }
            methods.push((name, method));
        }
        methods.sort_by(|a, b| a.1.cmp(&b.1));
        methods
    }

    /// Whoever enters a room with identities shows one, whichever way was taken.
    fn check_branches(&mut self, identity: &[(WayName, Method)], any_of: &[WayName], all_of: &[WayName]) {
        let shows = |name: &WayName| identity.iter().any(|(own, _)| own == name);
        if identity.is_empty() || all_of.iter().any(shows) {
            return;
        }
        if any_of.is_empty() {
            let message = "`identity` names ways that nobody is asked for; name one of them in `any_of` or `all_of`";
            self.problem("any_of", message.into());
        }
        for name in any_of.iter().filter(|name| !shows(name)) {
            let message = format!("whoever enters by `{name}` shows no identity; move it to `all_of`, or remove it");
            self.problem("any_of", message);
        }
    }

    /// A list at the claim has a way that works without scripts, and it can be shown then.
    fn check_scripts(&mut self, key: &'static str, ways: &[WayName]) {
        let needs_script = |name: &WayName| self.kind(name.as_str()).is_some_and(WayKind::needs_script);
        if !ways.is_empty() && ways.iter().all(needs_script) {
            let message =
                "all these ways need scripts, so some people would be shut out; add mail, a sign-in, a code or a shop";
            self.problem(key, message.into());
        }
    }
}

fn warnings(settings: &EntrySettings) -> Vec<PolicyWarning> {
    let mut warnings = Vec::new();
    let several =
        settings.ways.iter().find(|(_, kind)| matches!(kind, WayKind::Code { entries_max } if *entries_max > 1));
    if let (Some((name, _)), Binding::None) = (several, settings.binding) {
        let message =
            format!("`{name}` is good for several entries, which can be sold one by one; set `binding = \"key\"`");
        warnings.push(PolicyWarning { key: "binding", message });
    }
    let is_signed_in = |name: &String| {
        let kind = settings.ways.iter().find(|(way, _)| way.as_str() == name).map(|(_, kind)| kind);
        matches!(kind, Some(WayKind::Oidc { .. } | WayKind::Mail | WayKind::Shop))
    };
    if settings.binding == Binding::Key && !settings.identity.iter().any(is_signed_in) {
        let message = "a browser without scripts has no key, and can show nothing else when it is its turn; name a way of signing in \
                       in `identity`, or say beforehand that scripts are needed"
            .to_owned();
        warnings.push(PolicyWarning { key: "binding", message });
    }
    let names = |list: &[String]| list.iter().any(|name| name == WayName::WORK);
    let only_work = settings.identity.is_empty() && (names(&settings.any_of) || names(&settings.all_of));
    if only_work && settings.suspicious.is_empty() && settings.claim.is_empty() {
        let message = "work slows scripts and prices nothing: whoever owns many addresses has many entries; \
                       name an `identity`, or ask the `suspicious`";
        warnings.push(PolicyWarning { key: "identity", message: message.into() });
    }
    warnings
}
