//! The process's limit of open files, and the number of connections that it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's own limit of open files as far as the system lets it. Most shells start at 1,024, which is
/// about a thousand fans.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, limit = current, "the limit of open files stays, and with it the number of connections");
    }
}

/// Files that are not fans' connections: shops, stores, journals, listeners.
const OTHER_FILES: u64 = 1_024;

/// The number of connections that the process may have, so that it always has files left for its own work.
pub(crate) fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_the_system_allows() {
        let allowed = getrlimit(Resource::Nofile).maximum;
        raise_limit();
        assert_eq!(getrlimit(Resource::Nofile).current, allowed);
    }
}
