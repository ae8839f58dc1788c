//! A fan over HTTP/1.1: says what it is told to the byte, keeps cookies, and reads whole answers.
//!
//! **Guarantees:** a request has no field that the caller did not name, but for `Host`, `Connection`, `Cookie` and
//! `Content-Length`. Reads end after ten seconds. Methods without `try_` panic, as a test should.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its fan fails")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// A browser's `Accept`.
pub const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Fields in their order.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing.
    pub body: Vec<u8>,
}

impl Answer {
    /// The values of all fields of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value).collect()
    }

    /// The value of the first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The slug of a problem's type.
    pub fn problem(&self) -> String {
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{} {}", self.status, self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status, "{body}");
        body["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }
}

/// A fan.
#[derive(Clone, Debug)]
pub struct Fan {
    /// Where requests go.
    pub address: SocketAddr,
    /// Cookies by name, as the answers so far set them.
    pub cookies: BTreeMap<String, String>,
}

impl Fan {
    /// A fan without cookies.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// A `GET` without an `Accept`.
    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// [`Fan::get`], with the error of the connection.
    pub fn try_get(&mut self, path: &str) -> io::Result<Answer> {
        self.try_send("GET", path, &[], "")
    }

    /// A navigation.
    pub fn visit(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[HTML], "")
    }

    /// A call of the room `final`: `POST` with JSON.
    pub fn call(&mut self, call: &str, body: &str) -> Answer {
        self.try_call(call, body).unwrap_or_else(|error| panic!("{call}: {error}"))
    }

    fn try_call(&mut self, call: &str, body: &str) -> io::Result<Answer> {
        self.try_send("POST", &format!("/.fairgate/final/{call}"), &[("Content-Type", "application/json")], body)
    }

    /// Joins with a nonce of the fan's own.
    pub fn join(&mut self, nonce: u8) -> Answer {
        self.try_join(nonce).unwrap_or_else(|error| panic!("join: {error}"))
    }

    /// [`Fan::join`], with the error of the connection.
    pub fn try_join(&mut self, nonce: u8) -> io::Result<Answer> {
        use base64::Engine;
        let nonce = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([nonce; 16]);
        self.try_call("join", &json!({ "nonce": nonce }).to_string())
    }

    /// Joins and claims until let in.
    pub fn enter(&mut self, nonce: u8) -> Value {
        let joined = self.join(nonce);
        assert_eq!(joined.status, 200, "{}", joined.text());
        for _ in 0..200 {
            let claimed = self.call("claim", "");
            match claimed.status {
                200 => return claimed.json(),
                202 => std::thread::sleep(Duration::from_millis(50)),
                _ => panic!("{} {}", claimed.status, claimed.text()),
            }
        }
        panic!("never let in");
    }

    /// Sends a request on a connection of its own.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// [`Fan::send`], with the error of the connection.
    pub fn try_send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        if !self.cookies.is_empty() {
            request += &format!("Cookie: {}\r\n", self.cookie());
        }
        if !body.is_empty() || method == "POST" {
            request += &format!("Content-Length: {}\r\n", body.len());
        }
        request += "\r\n";
        request += body;
        let answer = exchange(self.address, request.as_bytes(), method == "HEAD")?;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    /// What goes into the `Cookie` field.
    pub fn cookie(&self) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") || cookie.contains("expires=Thu, 01 Jan 1970") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Sends bytes and reads one answer.
pub fn exchange(address: SocketAddr, request: &[u8], head_only: bool) -> io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(request)?;
    read_answer(&mut stream, head_only)
}

/// Connects, with a limit of ten seconds for each read.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

/// Connects from another address of this machine.
pub fn connect_from(from: [u8; 4], address: SocketAddr) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(address).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Reads one answer, leaving the connection where it is.
pub fn read_answer(stream: &mut impl Read, head_only: bool) -> io::Result<Answer> {
    let head = read_head(stream)?;
    let head = String::from_utf8(head).map_err(|_| io::Error::other("the head is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no status line"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    if !head_only && !matches!(status, 101 | 204 | 304) {
        answer.body = read_body(stream, &answer)?;
    }
    Ok(answer)
}

fn read_head(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before an answer"));
        }
        head.push(byte[0]);
    }
    Ok(head)
}

fn read_body(stream: &mut impl Read, answer: &Answer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().map_err(io::Error::other)?;
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    } else if answer.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = read_chunk(stream)? {
            body.extend(chunk);
        }
    } else {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_chunk(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).map_err(io::Error::other)?;
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk)?;
    chunk.truncate(size);
    Ok((size > 0).then_some(chunk))
}
