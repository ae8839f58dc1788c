//! TLS with HTTP/2 and HTTP/1.1, by Pingora's own client.

use http::HeaderValue;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;

use crate::world::{Setup, World};

/// Speaks as a browser does: over HTTP/2 the host is `:authority`, and there is no `Host`.
pub(crate) struct Client {
    connector: Connector,
    peer: HttpPeer,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) hsts: Option<String>,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(world: &World, http_version: u8) -> Self {
        let mut peer = HttpPeer::new(world.tls_address, true, "localhost".to_owned());
        // The certificate is the test's own.
        (peer.options.verify_cert, peer.options.verify_hostname) = (false, false);
        peer.options.set_http_version(http_version, http_version);
        Self { connector: Connector::new(None), peer }
    }

    /// What tells the server's certificate from others.
    pub(crate) async fn certificate(&self) -> Vec<u8> {
        let (http, _) = self.connector.get_http_session(&self.peer).await.unwrap();
        http.digest().unwrap().ssl_digest.as_ref().unwrap().cert_digest.clone()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, cookies: &[&str], body: &'static str) -> Answer {
        let (mut http, _) = self.connector.get_http_session(&self.peer).await.unwrap();
        let is_http2 = self.peer.options.alpn.get_min_http_version() == 2;
        assert_eq!(matches!(http, HttpSession::H2(_)), is_http2);
        let mut request = RequestHeader::build(method, path.as_bytes(), None).unwrap();
        if is_http2 {
            request.set_uri(format!("https://localhost{path}").parse().unwrap());
        } else {
            request.insert_header("Host", "localhost").unwrap();
        }
        for cookie in cookies {
            request.append_header("Cookie", HeaderValue::from_bytes(cookie.as_bytes()).unwrap()).unwrap();
        }
        if method == "POST" {
            request.insert_header("Content-Length", body.len()).unwrap();
        }
        http.write_request_header(Box::new(request)).await.unwrap();
        http.write_request_body(body.into(), true).await.unwrap();
        http.finish_request_body().await.unwrap();
        http.read_response_header().await.unwrap();
        let header = http.response_header().unwrap().clone();
        let mut answer = Answer { status: header.status.as_u16(), hsts: None, cookies: Vec::new(), body: Vec::new() };
        answer.hsts = header.headers.get("strict-transport-security").map(|hsts| hsts.to_str().unwrap().to_owned());
        for cookie in header.headers.get_all("set-cookie") {
            answer.cookies.push(cookie.to_str().unwrap().to_owned());
        }
        while let Some(part) = http.read_response_body().await.unwrap() {
            answer.body.extend_from_slice(&part);
        }
        answer
    }
}

async fn from_join_to_shop(http_version: u8) {
    let world = World::start(Setup { tls: true, edge: "hsts = \"max-age=60\"", ..Setup::default() });
    let client = Client::new(&world, http_version);
    assert_eq!(client.send("GET", "/.fairgate/final/status", &[], "").await.status, 200);
    assert_eq!(client.send("GET", "/seats", &[], "").await.status, 503);
    assert_eq!(client.send("GET", "/assets/%2e%2e/seats", &[], "").await.status, 400);
    let nonce = "{\"nonce\":\"AAECAwQFBgcICQoLDA0ODw\"}";
    let joined = client.send("POST", "/.fairgate/final/join", &[], nonce).await;
    let ticket = cookie(&joined, "__Host-fairgate-ticket-final");
    world.wait_until("called", |status| status["serving"] == 1);
    let claimed = client.send("POST", "/.fairgate/final/claim", &[&ticket], "").await;
    assert_eq!(claimed.status, 200, "{}", String::from_utf8_lossy(&claimed.body));
    let pass = cookie(&claimed, "__Host-fairgate-pass-final");
    let inside = client.send("GET", "/seats", &["theirs=1", &ticket, &pass, "more=\u{e9}"], "").await;
    assert_eq!((inside.status, inside.body.as_slice()), (200, &b"shop"[..]));
    assert_eq!((inside.hsts.as_deref(), claimed.hsts.as_deref()), (Some("max-age=60"), Some("max-age=60")));
    let seen = world.shop.seen("/seats").remove(0);
    assert_eq!(seen.line, "GET /seats HTTP/1.1");
    assert_eq!(
        (seen.all("cookie"), seen.all("x-forwarded-proto")),
        (vec!["theirs=1; more=\u{c3}\u{a9}"], vec!["https"])
    );
    assert_eq!((seen.all("host"), seen.all("x-forwarded-host")), (vec!["localhost"], vec!["localhost"]));
    assert_eq!(client.send("GET", "/assets/a", &["theirs=1", "more=2"], "").await.status, 200);
    assert_eq!(world.shop.seen("/assets/a")[0].all("cookie"), ["theirs=1; more=2"], "one line, whoever is inside");
    let plain = "fairgate-pass-final".to_owned() + pass.strip_prefix("__Host-fairgate-pass-final").unwrap();
    assert_eq!(client.send("GET", "/seats", &[&plain], "").await.status, 503, "over TLS only __Host- cookies count");
}

fn cookie(answer: &Answer, name: &str) -> String {
    let cookie = answer.cookies.iter().find(|cookie| cookie.starts_with(name)).unwrap();
    assert!(
        cookie.contains("; Secure;") && cookie.contains("; HttpOnly;") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_join_to_shop_by_http_2() {
    from_join_to_shop(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_join_to_shop_by_http_1_over_tls() {
    from_join_to_shop(1).await;
}
