//! The link between a core and Postgres, as a TCP proxy that a test can damage.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

const COMMIT: &[u8] = b"commit\0";
const COMMITTED: &[u8] = b"COMMIT\0";
const LISTEN: &[u8] = b"listen fairgate";
/// As long as the other one, and harmless.
const DEAF: &[u8] = b"select 1 /*xx*/";

/// What is wrong with the link.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// So many commits happen, but their replies are lost, and the connections with them.
    pub(crate) lost_commits: AtomicUsize,
    /// Once a commit was lost, nothing goes through any more.
    pub(crate) then_down: AtomicBool,
    /// Nobody is told of notifications.
    pub(crate) deaf: AtomicBool,
    down: AtomicBool,
    /// Where new connections lead.
    server: Mutex<PathBuf>,
    connections: Mutex<Vec<TcpStream>>,
}

/// A proxy in front of a server's Unix socket; it ends with the process.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) url: String,
    pub(crate) damage: Arc<Damage>,
}

impl Link {
    pub(crate) fn to(socket: &Path) -> Self {
        let listener = fairgate_testkit::listen().expect("a port");
        let url = format!("postgresql://fairgate@{}/postgres", listener.local_addr().expect("bound"));
        let damage = Arc::new(Damage { server: Mutex::new(socket.to_owned()), ..Damage::default() });
        let shared = Arc::clone(&damage);
        thread::spawn(move || listener.incoming().flatten().for_each(|core| join(core, &shared)));
        Self { url, damage }
    }

    /// How many commits are still to be lost.
    pub(crate) fn still_to_lose(&self) -> usize {
        self.damage.lost_commits.load(Ordering::SeqCst)
    }

    pub(crate) fn lose_commits(&self, commits: usize) {
        self.damage.lost_commits.store(commits, Ordering::SeqCst);
    }

    /// New connections lead to another server; those that there are stay.
    pub(crate) fn lead_to(&self, socket: &Path) {
        socket.clone_into(&mut self.damage.server.lock().expect("unpoisoned"));
    }

    /// Nothing goes through any more, and every connection breaks.
    pub(crate) fn cut(&self) {
        self.damage.down.store(true, Ordering::SeqCst);
        for connection in self.damage.connections.lock().expect("unpoisoned").drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Everything goes through again.
    pub(crate) fn mend(&self) {
        self.damage.then_down.store(false, Ordering::SeqCst);
        self.damage.down.store(false, Ordering::SeqCst);
    }
}

fn join(core: TcpStream, damage: &Arc<Damage>) {
    if damage.down.load(Ordering::SeqCst) {
        return;
    }
    let server = damage.server.lock().expect("unpoisoned").clone();
    let Ok(server) = UnixStream::connect(server) else { return };
    damage.connections.lock().expect("unpoisoned").push(core.try_clone().expect("a socket"));
    let cut = Arc::new(AtomicBool::new(false));
    let (core_too, server_too) = (core.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
    let (damage, cut_too) = (Arc::clone(damage), Arc::clone(&cut));
    thread::spawn(move || to_server(core, server, &damage, &cut));
    thread::spawn(move || to_core(server_too, core_too, &cut_too));
}

/// Passes on what the core says; marks the connection whose commit is to be lost.
fn to_server(mut core: TcpStream, mut server: UnixStream, damage: &Damage, cut: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(bytes @ 1..) = core.read(&mut buffer) {
        let said = &mut buffer[..bytes];
        if damage.deaf.load(Ordering::SeqCst)
            && let Some(at) = find(said, LISTEN)
        {
            said[at..at + LISTEN.len()].copy_from_slice(DEAF);
        }
        if find(said, COMMIT).is_some() && take_one(&damage.lost_commits) {
            cut.store(true, Ordering::SeqCst);
            damage.down.store(damage.then_down.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        if server.write_all(said).is_err() {
            break;
        }
    }
    let _ = (server.shutdown(Shutdown::Both), core.shutdown(Shutdown::Both));
}

/// Passes on what the server says, until a commit is to be lost: then it waits until the commit has happened, and cuts.
fn to_core(mut server: UnixStream, mut core: TcpStream, cut: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(bytes @ 1..) = server.read(&mut buffer) {
        if !cut.load(Ordering::SeqCst) {
            if core.write_all(&buffer[..bytes]).is_err() {
                break;
            }
        } else if find(&buffer[..bytes], COMMITTED).is_some() {
            break;
        }
    }
    let _ = (server.shutdown(Shutdown::Both), core.shutdown(Shutdown::Both));
}

fn take_one(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
