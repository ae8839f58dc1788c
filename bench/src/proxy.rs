//! Pingora in front of one upstream, deciding nothing.

use async_trait::async_trait;
use pingora::prelude::{HttpPeer, Opt, Server, Session, http_proxy_service};
use pingora::proxy::ProxyHttp;
use pingora::server::configuration::ServerConf;

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
