//! A challenge provider's double: the siteverify contract over a socket.
//!
//! What a widget "gave" says what is answered: `pass:<host>:<action>:<cdata>`, `spent`, `slow`, `500`, `html`,
//! `misconfigured`; anything else is no answer of a widget. It counts its calls.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// The secret that it knows.
pub(crate) const SECRET: &str = "1x0000000000000000000000000000000AA";

/// The double.
pub(crate) struct Double {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicU32>,
    is_down: Arc<AtomicBool>,
    last: Arc<std::sync::Mutex<String>>,
}

impl Double {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", fairgate_testkit::free_port().unwrap())).unwrap();
        let double = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            is_down: Arc::default(),
            last: Arc::default(),
        };
        let (calls, is_down, last) = (double.calls.clone(), double.is_down.clone(), double.last.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_down.load(Ordering::Relaxed) {
                    continue;
                }
                let (calls, last) = (calls.clone(), last.clone());
                thread::spawn(move || answer(stream, &calls, &last));
            }
        });
        double
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Closes every connection from now on, or answers again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// The form that was sent last.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, calls: &AtomicU32, last: &std::sync::Mutex<String>) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    loop {
        let Some(form) = read_form(&mut stream) else { return };
        calls.fetch_add(1, Ordering::Relaxed);
        last.lock().unwrap().clone_from(&form);
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(form.as_bytes());
            fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let (status, body) = judge(&field("secret"), &field("response"));
        let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err() {
            return;
        }
    }
}

fn judge(secret: &str, response: &str) -> (u16, String) {
    let failed = |code: &str| (200, format!(r#"{{"success":false,"error-codes":["{code}"]}}"#));
    if secret != SECRET {
        return failed("invalid-input-secret");
    }
    match response {
        "spent" => failed("timeout-or-duplicate"),
        "misconfigured" => failed("invalid-input-secret"),
        "500" => (500, "{}".to_owned()),
        "html" => (200, "<html>".to_owned()),
        "slow" => {
            thread::sleep(Duration::from_secs(4));
            failed("internal-error")
        }
        pass => match pass.strip_prefix("pass:").map(|rest| rest.splitn(3, ':').collect::<Vec<_>>()).as_deref() {
            Some([host, action, cdata]) => {
                (200, format!(r#"{{"success":true,"hostname":"{host}","action":"{action}","cdata":"{cdata}"}}"#))
            }
            _ => failed("invalid-input-response"),
        },
    }
}

fn read_form(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
