//! Room for a crowd: how many sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's own limit of open files as far as the system lets it; most shells start at 1,024, which is
/// about a thousand fans.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, limit = current, "the limit of open files stays, and with it the number of connections");
    }
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
