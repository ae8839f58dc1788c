//! The demo's ports: the usual ones, or free ones where something else is there already.

use std::net::TcpListener;

/// Ports on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) gate: u16,
    pub(super) booking: u16,
    pub(super) admin: u16,
    pub(super) booking_metrics: u16,
}

impl Ports {
    const USUAL: Self = Self { gate: 8080, booking: 3000, admin: 9090, booking_metrics: 9091 };

    /// Finds ports that nobody listens on.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub(super) fn find() -> std::io::Result<Self> {
        let usual = Self::USUAL;
        // Each is held until all are found, so that no two are the same.
        let gate = listen(usual.gate)?;
        let booking = listen(usual.booking)?;
        let admin = listen(usual.admin)?;
        let booking_metrics = listen(usual.booking_metrics)?;
        Ok(Self {
            gate: gate.local_addr()?.port(),
            booking: booking.local_addr()?.port(),
            admin: admin.local_addr()?.port(),
            booking_metrics: booking_metrics.local_addr()?.port(),
        })
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
        let mut all = [ports.gate, ports.booking, ports.admin, ports.booking_metrics];
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    }
}
