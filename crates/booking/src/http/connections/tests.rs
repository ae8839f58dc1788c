//! The bounds of connections, over real sockets.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(1);
/// More than a socket takes that nobody reads.
const HUGE: usize = 64 * 1024 * 1024;

/// Answers with the path and the body's length; `/wait` when it may, `/huge` with a huge body.
#[derive(Clone, Default)]
struct Echo {
    may_answer: Arc<Notify>,
    asked: Arc<Notify>,
}

impl Answers for Echo {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.map(|body| body.to_bytes().len());
        match path.as_str() {
            "/wait" => {
                self.asked.notify_one();
                self.may_answer.notified().await;
            }
            "/huge" => return Response::new(Full::new(vec![b'x'; HUGE].into())),
            _ => {}
        }
        Response::new(Full::new(format!("{path} {}\n", body.unwrap_or(0)).into()))
    }
}

struct Server {
    address: SocketAddr,
    echo: Echo,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

async fn server(bounds: Bounds) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, stop, echo) = (listener.local_addr().expect("bound"), CancellationToken::new(), Echo::default());
    let serving = tokio::spawn(serve(listener, echo.clone(), bounds, stop.clone()));
    Server { address, echo, stop, serving }
}

fn bounds() -> Bounds {
    Bounds { connections: 8, silence: LONG, head: LONG }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    async fn send(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.expect("sent");
        stream
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// Reads until this was said.
async fn hear(stream: &mut TcpStream, wanted: &str) -> String {
    let mut heard = Vec::new();
    let hearing = async {
        while !String::from_utf8_lossy(&heard).contains(wanted) {
            let read = stream.read_buf(&mut heard).await.expect("readable");
            assert_ne!(read, 0, "the end instead of {wanted}: {}", String::from_utf8_lossy(&heard));
        }
    };
    timeout(LONG, hearing).await.unwrap_or_else(|_| panic!("{wanted} did not come"));
    String::from_utf8_lossy(&heard).into_owned()
}

/// Everything up to the end of the connection, which must come.
async fn hear_all(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    drop(timeout(LONG, stream.read_to_end(&mut heard)).await.expect("it ends"));
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_connection_is_kept_and_says_the_date() {
    let server = server(bounds()).await;
    let mut stream = server.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").await;
    let answer = hear(&mut stream, "/a 4\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\ncontent-length: 5\r\n"), "{answer}");
    let date = answer.split("\r\ndate: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a date");
    jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(date.replace("GMT", "+0000")).expect("an IMF-fixdate");
    stream.write_all(get("/b").as_bytes()).await.expect("sent");
    hear(&mut stream, "/b 0\n").await;
    stream.write_all(b"GET /c HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("sent");
    assert!(hear_all(&mut stream).await.ends_with("/c 0\n"));
}

#[tokio::test]
async fn requests_that_do_not_wait_for_answers_are_all_answered_in_order() {
    let server = server(bounds()).await;
    let all: String = (0..50).map(|number| get(&format!("/{number}"))).collect();
    let mut stream = server.send(all).await;
    stream.shutdown().await.expect("half closed");
    let answers = hear_all(&mut stream).await;
    let told: Vec<String> = answers.lines().filter(|line| line.starts_with('/')).map(str::to_owned).collect();
    assert_eq!(told, (0..50).map(|number| format!("/{number} 0")).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_next_request() {
    let server = server(bounds()).await;
    let (whole, begun) = (get("/first"), get("/second"));
    let (begun, rest) = begun.split_at(20);
    let mut stream = server.send(whole + begun).await;
    hear(&mut stream, "/first 0\n").await;
    stream.write_all(rest.as_bytes()).await.expect("sent");
    hear(&mut stream, "/second 0\n").await;
}

#[tokio::test]
async fn a_client_that_closed_its_side_gets_its_answer() {
    let server = server(bounds()).await;
    let mut stream = server.send(get("/wait")).await;
    stream.shutdown().await.expect("half closed");
    server.echo.asked.notified().await;
    server.echo.may_answer.notify_one();
    assert!(hear_all(&mut stream).await.ends_with("/wait 0\n"));
}

#[tokio::test]
async fn a_head_in_pieces_is_read_and_one_too_large_is_refused() {
    let server = server(bounds()).await;
    let mut stream = server.connect().await;
    for piece in get("/pieces").as_bytes().chunks(3) {
        stream.write_all(piece).await.expect("sent");
        tokio::task::yield_now().await;
    }
    hear(&mut stream, "/pieces 0\n").await;
    // As much as the edge lets through.
    let large = format!("GET /large HTTP/1.1\r\nhost: a\r\ncookie: {}\r\n\r\n", "c".repeat(32 * 1024));
    hear(&mut server.send(large).await, "/large 0\n").await;
    let too_large = format!("GET / HTTP/1.1\r\nhost: a\r\ncookie: {}", "c".repeat(HEAD_BYTES_MAX));
    hear(&mut server.send(too_large).await, "HTTP/1.1 431 ").await;
    let too_many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(100));
    hear(&mut server.send(too_many).await, "HTTP/1.1 431 ").await;
}

/// What two readers of heads could read in two ways.
#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let server = server(bounds()).await;
    for head in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2, 3\r\n\r\n{}",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n{}",
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n host: a\r\n\r\n",
        "\u{0}\r\n\r\n",
    ] {
        let mut stream = server.send(head).await;
        let answer = hear_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "), "{head:?}: {answer:?}");
    }
}

#[tokio::test]
async fn no_more_connections_are_open_than_the_bound() {
    let server = server(Bounds { connections: 2, ..bounds() }).await;
    let (mut first, mut second) = (server.send(get("/1")).await, server.send(get("/2")).await);
    hear(&mut first, "/1 0\n").await;
    hear(&mut second, "/2 0\n").await;
    let mut third = server.send(get("/3")).await;
    assert!(timeout(SHORT, third.read_u8()).await.is_err(), "it waits for a place");
    drop(first);
    hear(&mut third, "/3 0\n").await;
}

#[tokio::test]
async fn a_connection_that_stands_still_is_closed() {
    let server = server(Bounds { silence: SHORT, head: SHORT, ..bounds() }).await;
    assert_eq!(hear_all(&mut server.connect().await).await, "", "nothing was asked");
    let mut kept = server.send(get("/1")).await;
    assert!(hear_all(&mut kept).await.ends_with("/1 0\n"), "nothing more was asked");
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let server = server(Bounds { head: SHORT, ..bounds() }).await;
    let mut stream = server.send(get("/1")).await;
    hear(&mut stream, "/1 0\n").await;
    stream.write_all(b"GET /2 HTTP/1.1\r\nhost: ").await.expect("sent");
    let (mut reader, mut writer) = stream.into_split();
    let trickling = tokio::spawn(async move {
        while writer.write_all(b"a").await.is_ok() {
            sleep(SHORT / 20).await;
        }
    });
    let mut heard = Vec::new();
    drop(timeout(LONG, reader.read_to_end(&mut heard)).await.expect("it is cut off"));
    assert!(heard.is_empty());
    timeout(LONG, trickling).await.expect("nobody reads it").expect("no panic");
}

#[tokio::test]
async fn an_answer_may_take_longer_than_a_head() {
    let server = server(Bounds { silence: SHORT, head: SHORT, ..bounds() }).await;
    let mut stream = server.send(get("/wait")).await;
    server.echo.asked.notified().await;
    sleep(3 * SHORT).await;
    server.echo.may_answer.notify_one();
    hear(&mut stream, "/wait 0\n").await;
}

#[tokio::test]
async fn whoever_does_not_read_its_answer_loses_the_place() {
    let server = server(Bounds { connections: 1, silence: SHORT, head: SHORT }).await;
    let unread = server.send(get("/huge")).await;
    hear(&mut server.send(get("/next")).await, "/next 0\n").await;
    drop(unread);
}

#[tokio::test]
async fn a_stop_ends_silent_connections_and_waits_for_answers() {
    let server = server(bounds()).await;
    let mut idle = server.send(get("/1")).await;
    hear(&mut idle, "/1 0\n").await;
    let mut waiting = server.send(get("/wait")).await;
    server.echo.asked.notified().await;
    server.stop.cancel();
    assert_eq!(hear_all(&mut idle).await, "");
    assert!(!server.serving.is_finished(), "a request is under way");
    server.echo.may_answer.notify_one();
    assert!(hear_all(&mut waiting).await.ends_with("/wait 0\n"));
    timeout(LONG, server.serving).await.expect("it ends").expect("no panic");
}
