//! The demo's ports: the usual ones, or free ones where something else is there already.

use std::net::TcpListener;

/// Ports on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) gate: u16,
    pub(super) booking: u16,
    pub(super) admin: u16,
}

impl Ports {
    const USUAL: Self = Self { gate: 8080, booking: 3000, admin: 9090 };

    /// Finds three ports that nobody listens on.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub(super) fn find() -> std::io::Result<Self> {
        let Self { gate, booking, admin } = Self::USUAL;
        // All three are held until all are found, so that no two are the same.
        let found = [listen(gate)?, listen(booking)?, listen(admin)?];
        let [gate, booking, admin] = found.map(|listener| listener.local_addr().map(|address| address.port()));
        Ok(Self { gate: gate?, booking: booking?, admin: admin? })
    }
}

fn listen(usual: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", usual)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_left_alone() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(listen(port).unwrap().local_addr().unwrap().port(), port);
        let ports = Ports::find().unwrap();
        assert!(ports.gate != ports.booking && ports.booking != ports.admin && ports.admin != ports.gate);
    }
}
