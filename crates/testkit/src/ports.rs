//! Free ports of the loopback for private servers.
//!
//! Guarantees:
//! - a port is below the range from which the kernel takes ports for outgoing connections
//! - so nobody's client sits on a port while its server is being restarted
//! - a port is given to one process at a time, as long as that process lives

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

/// The first port that is tried, and how many there are: 12,000 to 31,999. Linux's outgoing connections start at 32,768.
const FIRST: u16 = 12_000;
const PORTS: u16 = 20_000;

/// The locks of the ports that this process was given.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that nobody listens on, for this process alone until it ends.
///
/// # Errors
/// When all of them are taken.
pub fn free_port() -> Result<u16> {
    let port = listen()?.local_addr()?.port();
    Ok(port)
}

/// Listens on a free port of 127.0.0.1 ([`free_port`]).
///
/// # Errors
/// When all of them are taken.
pub fn listen() -> Result<TcpListener> {
    (0..PORTS).find_map(|_| take(next())).ok_or_else(|| {
        let last = FIRST + (PORTS - 1);
        Error::new(ErrorKind::AddrInUse, format!("no port between {FIRST} and {last} of 127.0.0.1 is free"))
    })
}

/// As [`listen`], for a server of tokio's.
///
/// # Errors
/// As [`listen`]; also outside a runtime.
pub fn listen_async() -> Result<tokio::net::TcpListener> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

/// Each process begins somewhere else, so that those that start together seldom ask for the same port.
fn next() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let offset = std::process::id().wrapping_mul(7919).wrapping_add(u32::from(TRIED.fetch_add(1, Ordering::Relaxed)));
    FIRST + u16::try_from(offset % u32::from(PORTS)).unwrap_or_default()
}

fn take(port: u16) -> Option<TcpListener> {
    let lock = lock(port)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
    Some(listener)
}

/// The kernel gives the lock back when the process ends, however it ends.
fn lock(port: u16) -> Option<File> {
    let path = locks().ok()?.join(port.to_string());
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    file.try_lock().ok().map(|()| file)
}

fn locks() -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let path = std::env::temp_dir().join(format!("fairgate-ports-{user}"));
    std::fs::create_dir_all(&path).map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_lies_outside_the_range_of_clients() {
        let ports: Vec<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        let mut once = ports.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), ports.len());
        assert!(ports.iter().all(|port| (FIRST..FIRST + PORTS).contains(port)));
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let held = listen().unwrap();
        assert!(TcpListener::bind(held.local_addr().unwrap()).is_err());
        assert!(take(held.local_addr().unwrap().port()).is_none());
    }
}
