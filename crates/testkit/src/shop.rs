//! A small shop that remembers each request that reached it, and misbehaves on request.
//!
//! **Guarantees:** requests are kept as they came, a character for each byte of a field. A shop that has stopped has no
//! connection left, as a process that has ended.

#![expect(clippy::unwrap_used, reason = "a test ends where its shop fails")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it reached the shop.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method, target and version.
    pub line: String,
    /// Fields in their order.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing.
    pub body: Vec<u8>,
}

impl Seen {
    /// The values of all fields of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value).collect()
    }

    /// The value of the first field of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }
}

/// The shop. It answers everything with 200, and:
///
/// - `/done` releases the session;
/// - `/public` may be kept by everyone, `/shared` by shared caches, `/cdn` by those of a CDN;
/// - `/streamed` comes in chunks, with a trailer;
/// - to `OPTIONS` it says what it allows, and a page;
/// - `/slow` takes half a second;
/// - `/hang-up` closes without an answer;
/// - `/hang-up-once` closes the first time;
/// - `/events` is a stream of events without an end;
/// - `…/socket` becomes a tunnel that echoes, and `/mute-socket` never answers.
pub struct Shop {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Open,
    stopped: Arc<AtomicBool>,
}

/// Its connections, by the order in which they came.
type Open = Arc<Mutex<BTreeMap<usize, TcpStream>>>;

impl Shop {
    /// Starts a shop on a free port.
    pub fn start() -> Self {
        let listener = crate::listen().unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, open, stopped) = (Arc::default(), Open::default(), Arc::new(AtomicBool::new(false)));
        let shop = Self { address, seen: Arc::clone(&seen), open: Arc::clone(&open), stopped: Arc::clone(&stopped) };
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut held = open.lock().unwrap();
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let stream = stream.unwrap();
                held.insert(number, stream.try_clone().unwrap());
                let (seen, open) = (Arc::clone(&seen), Arc::clone(&open));
                std::thread::spawn(move || {
                    drop(serve(&stream, &seen));
                    open.lock().unwrap().remove(&number);
                });
            }
        });
        shop
    }

    /// Closes for good: connections end, and others are refused from then on.
    pub fn stop(&self) {
        let open = self.open.lock().unwrap();
        self.stopped.store(true, Ordering::Relaxed);
        open.values().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        drop(open);
        drop(TcpStream::connect(self.address));
        // The listener is gone once the thread that has it was woken.
        while TcpStream::connect(self.address).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The first line of each request that reached it, whatever it is.
    pub fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }

    /// Waits until a request has reached it whose target starts with that.
    pub fn wait_for(&self, target: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.seen(target).is_empty() {
            assert!(Instant::now() < until, "the shop is not asked for {target}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Requests whose target starts with that.
    pub fn seen(&self, target: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.line.split(' ').nth(1).is_some_and(|to| to.starts_with(target)))
            .cloned()
            .collect()
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(seen) = read_request(&mut reader)? {
        let path = seen.line.split(' ').nth(1).unwrap_or_default().to_owned();
        let is_asked = seen.line.starts_with("OPTIONS ");
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|other| other.line == seen.line).count();
            log.push(seen);
            before
        };
        let mut stream = stream;
        match path.as_str() {
            "/hang-up" => return Ok(()),
            "/hang-up-once" if before == 0 => return Ok(()),
            "/events" => return tell(stream),
            "/mute-socket" => return reader.read_to_end(&mut Vec::new()).map(drop),
            socket if socket.ends_with("/socket") => return echo(stream, &mut reader),
            "/slow" => std::thread::sleep(Duration::from_millis(500)),
            _ => {}
        }
        let more = match path.as_str() {
            "/done" => "X-Fairgate-Release: 1\r\nX-Fairgate-Secret: mine\r\n",
            "/public" => "Cache-Control: public, max-age=60\r\n",
            "/shared" => "Cache-Control: s-maxage=60\r\n",
            "/cdn" => "Cache-Control: max-age=0\r\nCDN-Cache-Control: max-age=60\r\n",
            "/done-for-all" => {
                "Cache-Control: public, max-age=60\r\nSurrogate-Control: max-age=60\r\nX-Fairgate-Release: 1\r\n"
            }
            _ => "",
        };
        if path == "/streamed" {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n";
            stream.write_all(format!("{head}4\r\nshop\r\n0\r\nX-Sum: 1\r\n\r\n").as_bytes())?;
            continue;
        }
        let more = if is_asked {
            "Access-Control-Allow-Origin: https://www.shop.example\r\nSet-Cookie: a=1\r\n"
        } else {
            more
        };
        stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n{more}\r\nshop").as_bytes())?;
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        // Fields are bytes: a character each.
        let line: String = line.iter().copied().map(char::from).collect();
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut seen = Seen { line: lines[0].clone(), headers, body: Vec::new() };
    seen.body = read_body(reader, &seen)?;
    Ok(Some(seen))
}

fn read_body(reader: &mut impl BufRead, seen: &Seen) -> std::io::Result<Vec<u8>> {
    if let Some(length) = seen.header("content-length").and_then(|length| length.parse().ok()) {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        return Ok(body);
    }
    let mut body = Vec::new();
    if seen.header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    Ok(body)
}

fn tell(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n\r\n",
    )?;
    loop {
        stream.write_all(b"data: tick\n\n")?;
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn echo(mut stream: &TcpStream, reader: &mut impl Read) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")?;
    let mut bytes = [0; 1024];
    loop {
        let read = reader.read(&mut bytes)?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&bytes[..read])?;
    }
}
