//! A TCP proxy between edges and Redis that delays, cuts, half-closes, falls silent, and leads to another server.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// What the proxy does with the bytes that come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Passes them on.
    Fine,
    /// Passes them on, this much later.
    Slow(Duration),
    /// Refuses connections.
    Cut,
    /// Takes them, and passes none on.
    Silent,
}

struct State {
    weather: Weather,
    server: SocketAddr,
    open: Vec<[TcpStream; 2]>,
}

/// The proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// A proxy in front of a server.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = fairgate_testkit::listen().unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { weather: Weather::Fine, server, open: Vec::new() }));
        let proxy = Self { address, state };
        let serving = proxy.clone();
        spawn(move || listener.incoming().flatten().for_each(|client| serving.serve(client)));
        proxy
    }

    /// Changes the weather; cutting closes what is open.
    pub(crate) fn set(&self, weather: Weather) {
        self.state.lock().unwrap().weather = weather;
        if weather == Weather::Cut {
            self.close(Shutdown::Both);
        }
    }

    /// Leads new connections to another server, and closes the others.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.state.lock().unwrap().server = server;
        self.close(Shutdown::Both);
    }

    /// Closes every connection in one direction: edges may still speak, and hear nothing any more.
    pub(crate) fn half_close(&self) {
        for [client, _] in &self.state.lock().unwrap().open {
            let _ = client.shutdown(Shutdown::Write);
        }
    }

    fn close(&self, how: Shutdown) {
        for stream in self.state.lock().unwrap().open.drain(..).flatten() {
            let _ = stream.shutdown(how);
        }
    }

    fn serve(&self, client: TcpStream) {
        let mut state = self.state.lock().unwrap();
        if state.weather == Weather::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(state.server) else { return };
        let (Ok(client_twin), Ok(server_twin)) = (client.try_clone(), server.try_clone()) else { return };
        let (Ok(client_kept), Ok(server_kept)) = (client.try_clone(), server.try_clone()) else { return };
        state.open.push([client_kept, server_kept]);
        let (there, back) = (self.clone(), self.clone());
        spawn(move || there.pump(client, server));
        spawn(move || back.pump(server_twin, client_twin));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let weather = self.state.lock().unwrap().weather;
            match weather {
                Weather::Silent => continue,
                Weather::Slow(delay) => sleep(delay),
                Weather::Fine | Weather::Cut => {}
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
