//! The admin listener: API, health and metrics, beside the gate and outside of its threads.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::server::ShutdownWatch;
use pingora::services::background::BackgroundService;
use tokio::net::{TcpListener, TcpSocket};

use crate::admin::{self, Admin, AuditLog, Console, Doorman, RoomName};
use crate::config::RoomConfig;
use crate::edge::context::{Edge, EdgeParts};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1_024;

/// Serves the admin API, health and metrics.
pub(crate) struct AdminService {
    edge: Arc<Edge>,
    listen: SocketAddr,
    admin: Admin,
}

impl AdminService {
    pub(crate) fn new(
        edge: &Arc<Edge>,
        (listen, doorman, console): (SocketAddr, Doorman, Option<Console>),
        parts: EdgeParts,
        audit: AuditLog,
    ) -> Self {
        let EdgeParts { tokens, registry, supervisor, definitions, .. } = parts;
        let named = Arc::clone(edge);
        let rooms = move || named.served().rooms.iter().map(|room| name_of(&room.config)).collect();
        let [watched, alarmed, counted, measured] = std::array::from_fn(|_| Arc::clone(edge));
        let signing = Arc::clone(edge);
        let sign = move |report| signing.keys.now().sign_report(report, signing.now_ms());
        let looked = Arc::clone(edge);
        let page = move |room: &str| Some(looked.served().room(room)?.page.input().clone());
        let best = move |room: &str| measured.served().room(room)?.best_minute();
        let shared = move |room: &str, draw: &fairgate_draw::Hash| {
            let served = counted.served();
            let desk = served.room(room).and_then(|own| own.entry.as_ref());
            desk.map(|desk| desk.shared(draw)).unwrap_or_default()
        };
        let admin = Admin {
            store: Arc::clone(&edge.store),
            history: Arc::clone(&edge.history),
            rooms: Arc::new(rooms),
            definitions,
            tokens,
            registry,
            console: console.map(Arc::new),
            audit: Arc::new(audit),
            changing: Arc::default(),
            supervisor,
            doorman: Arc::new(doorman),
            accepts_visitors: Arc::new(move || watched.accepts_visitors()),
            shared: Arc::new(shared),
            best: Arc::new(best),
            sign: Arc::new(sign),
            page: Arc::new(page),
            alarms: Arc::new(move || alarmed.alarms()),
        };
        Self { edge: Arc::clone(edge), listen, admin }
    }
}

#[async_trait]
impl BackgroundService for AdminService {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let until_taken_over = async {
            let _ = shutdown.wait_for(|stopping| *stopping).await;
            // Health is told until the very end: whoever asks must learn that this edge is stopping, unless there is
            // another one to ask.
            if !self.edge.traffic.is_handing_over() {
                std::future::pending().await
            }
        };
        tokio::select! {
            () = self.admin.supervisor.keep("admin", || self.serve()) => {}
            () = until_taken_over => {}
        }
    }
}

impl AdminService {
    /// Serves until the listener fails.
    async fn serve(&self) {
        let served = match listen(self.listen) {
            Ok(listener) => {
                let proxies = self.admin.console.as_deref().map_or(&[][..], Console::proxies);
                admin::serve(listener, admin::router(self.admin.clone()), proxies).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            tracing::error!(listen = %self.listen, %error, "the admin listener does not serve");
        }
    }
}

fn name_of(room: &RoomConfig) -> RoomName {
    RoomName { name: room.name.clone(), title: room.title.clone() }
}

/// Listens beside the edge that is taken over from, until that one ends.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
