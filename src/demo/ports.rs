//! The demo's ports: the usual ones, or free ones where something else is there already.

use std::net::TcpListener;

/// Ports on 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// One an edge.
    pub(super) edges: Vec<EdgePorts>,
    pub(super) booking: u16,
    pub(super) booking_metrics: u16,
    pub(super) provider: u16,
    /// Those of the farm's edge.
    pub(super) farm: EdgePorts,
}

/// The ports of one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EdgePorts {
    pub(super) gate: u16,
    pub(super) admin: u16,
}

/// What the ports are unless they are taken; further edges count on from these.
const GATE: u16 = 8080;
const BOOKING: u16 = 3000;
const BOOKING_METRICS: u16 = 9091;
const PROVIDER: u16 = 4000;
const ADMIN: u16 = 9090;
const MORE_ADMINS: u16 = 9100;
const FARM: EdgePorts = EdgePorts { gate: 8090, admin: 9190 };

impl Ports {
    /// Finds ports that nobody listens on.
    ///
    /// # Errors
    /// When the machine has no free port.
    pub(super) fn find(edges: u16) -> std::io::Result<Self> {
        // Each is held until all are found, so that no two are the same.
        let admin = |edge| if edge == 0 { ADMIN } else { MORE_ADMINS + edge };
        let gates = (0..edges).map(|edge| Ok((listen(GATE + edge)?, listen(admin(edge))?)));
        let gates: Vec<_> = gates.collect::<std::io::Result<_>>()?;
        let (booking, booking_metrics, provider) = (listen(BOOKING)?, listen(BOOKING_METRICS)?, listen(PROVIDER)?);
        let farm = (listen(FARM.gate)?, listen(FARM.admin)?);
        let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
        let ports = |(gate, admin): &(_, _)| Ok(EdgePorts { gate: port(gate)?, admin: port(admin)? });
        Ok(Self {
            edges: gates.iter().map(ports).collect::<std::io::Result<_>>()?,
            booking: port(&booking)?,
            booking_metrics: port(&booking_metrics)?,
            provider: port(&provider)?,
            farm: ports(&farm)?,
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
        let ports = Ports::find(3).unwrap();
        let mut all = vec![ports.booking, ports.booking_metrics, ports.provider, ports.farm.gate, ports.farm.admin];
        all.extend(ports.edges.iter().flat_map(|edge| [edge.gate, edge.admin]));
        assert_eq!(all.len(), 11);
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    }
}
