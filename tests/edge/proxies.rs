//! The edge between real proxies: nginx in front of it, and nginx as the shop.

use fairgate_testkit::Nginx;

use crate::fan::exchange;
use crate::tls::Client;
use crate::world::{Setup, World};

/// Says what it was asked for, and refuses what browsers' requests must not become: nginx answers 400 to an empty `Host`.
const MIRROR: &str = "location / { return 200 \"$http_host|$http_x_forwarded_host|$http_cookie|$request_uri\"; }";

#[tokio::test(flavor = "multi_thread")]
async fn an_nginx_shop_is_told_the_host_that_a_browser_asked_for_over_http_2() {
    let shop = Nginx::start(MIRROR).unwrap();
    let world = World::start(Setup { tls: true, shop: Some(shop.address()), ..Setup::default() });
    for (http_version, cookies) in [(2, &["a=1", "b=\u{e9}"][..]), (1, &["a=1; b=\u{e9}"])] {
        let answer = Client::new(&world, http_version).send("GET", "/assets/x?y", cookies, "").await;
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(
            (answer.status, text.as_str()),
            (200, "localhost|localhost|a=1; b=\u{e9}|/assets/x?y"),
            "HTTP/{http_version}"
        );
    }
}

#[test]
fn what_a_client_writes_before_nginxs_word_makes_nobody_unlimited() {
    let world = World::start(Setup {
        edge: "trusted_proxies = [\"127.0.0.0/8\"]\n[edge.limits]\njoins_per_minute = 1\njoins_burst = 3",
        ..Setup::default()
    });
    let (edge, pass_on) = (world.address, "proxy_set_header X-Forwarded-For $http_x_forwarded_for;");
    let appends = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;";
    for forwards in [appends, pass_on] {
        let nginx = Nginx::start(&format!("location / {{ {forwards} proxy_pass http://{edge}; }}")).unwrap();
        let joins = (0..8_u8).map(|nonce| {
            use base64::Engine;
            let nonce = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([nonce; 16]);
            let body = format!("{{\"nonce\":\"{nonce}\"}}");
            let head = format!("Host: {edge}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
            let mut request = b"POST /.fairgate/final/join HTTP/1.1\r\nX-Forwarded-For: \xff\r\n".to_vec();
            request.extend_from_slice(format!("{head}\r\n{body}").as_bytes());
            exchange(nginx.address(), &request, false).unwrap().status
        });
        let joins: Vec<u16> = joins.collect();
        assert!(joins[3..].iter().all(|status| *status == 429), "{forwards}: {joins:?}");
    }
}
