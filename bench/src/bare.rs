//! The reference for the gate: the same Pingora proxy in front of the same upstream, deciding nothing.

use std::process::{Child, Command};

use anyhow::Context;
use async_trait::async_trait;
use pingora::prelude::{HttpPeer, Opt, Server, Session, http_proxy_service};
use pingora::proxy::ProxyHttp;
use pingora::server::configuration::ServerConf;

use crate::nginx::{free_port, wait_for_port};

/// The first argument that turns the benchmark into the bare proxy.
pub(crate) const VERB: &str = "bare-proxy";

struct BareProxy {
    upstream: String,
}

#[async_trait]
impl ProxyHttp for BareProxy {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream.as_str(), false, String::new())))
    }
}

/// Serves for ever.
pub(crate) fn serve(listen: &str, upstream: &str) -> ! {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let conf = ServerConf { threads, upstream_keepalive_pool_size: 512, ..ServerConf::default() };
    let mut server = Server::new_with_opt_and_conf(None::<Opt>, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, BareProxy { upstream: upstream.to_owned() });
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever()
}

/// The bare proxy as a process of its own; killed when dropped.
pub(crate) struct Bare {
    child: Child,
    port: u16,
}

impl Bare {
    pub(crate) fn start(upstream: &str) -> anyhow::Result<Self> {
        let port = free_port()?;
        let child = Command::new(std::env::current_exe()?)
            .args([VERB, &format!("127.0.0.1:{port}"), upstream])
            .spawn()
            .context("cannot start the bare proxy")?;
        let bare = Self { child, port };
        wait_for_port(port)?;
        Ok(bare)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
