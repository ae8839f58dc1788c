//! How many sockets the crowd may hold, and from where they come.
//!
//! Never more than the budget: a fan that finds it used up waits for another to close. One pair of addresses has some
//! 28,000 ports, so that on loopback the crowd comes from several addresses of 127.0.0.0/8.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::connection::{Connection, Fault};

/// Source addresses used on loopback: 127.0.0.2 and on.
const LOOPBACK_SOURCES: u32 = 60;

/// Servers close connections that are idle for longer.
const KEEP_THROUGH_MS: u64 = 30_000;

/// Opens connections to the target within a budget.
#[derive(Debug)]
pub(crate) struct Sockets {
    addresses: Vec<SocketAddr>,
    slots: Arc<Semaphore>,
    slots_max: usize,
    opened: AtomicU32,
    most_open: AtomicUsize,
}

impl Sockets {
    pub(crate) fn new(addresses: Vec<SocketAddr>, slots_max: usize) -> Self {
        Self {
            addresses,
            slots: Arc::new(Semaphore::new(slots_max)),
            slots_max,
            opened: AtomicU32::new(0),
            most_open: AtomicUsize::new(0),
        }
    }

    /// How long a wait is worth keeping a connection for: the fewer sockets are left, the shorter.
    pub(crate) fn keep_through_ms(&self) -> u64 {
        KEEP_THROUGH_MS * self.slots.available_permits() as u64 / self.slots_max.max(1) as u64
    }

    /// The most that were open at once.
    pub(crate) fn most_open(&self) -> usize {
        self.most_open.load(Ordering::Relaxed)
    }

    /// Opens a connection once there is a slot for it; says how long the connecting took.
    pub(crate) async fn open(&self) -> Result<(Connection, Duration), Fault> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Fault::Closed)?;
        self.most_open.fetch_max(self.slots_max - self.slots.available_permits(), Ordering::Relaxed);
        let began = Instant::now();
        let stream = self.connect().await.map_err(Fault::Connect)?;
        stream.set_nodelay(true).map_err(Fault::Connect)?;
        Ok((Connection::new(stream, slot), began.elapsed()))
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let address = self.addresses[number as usize % self.addresses.len()];
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            let source = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + 2 + number % LOOPBACK_SOURCES);
            // Ports in TIME_WAIT may be taken again: the other end is the same host.
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        }
        socket.connect(address).await
    }
}

/// Raises the limit of open files as far as this user may, and says how many sockets fit.
///
/// # Errors
/// When fewer than a handful fit.
pub fn raise_socket_limit() -> std::io::Result<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// Files that are not sockets of fans.
    const OTHER_FILES: u64 = 200;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let files = limit.maximum.unwrap_or(1 << 20);
    Ok(usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX))
}
