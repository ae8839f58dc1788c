//! A mail server for the tests: takes mails over SMTP and keeps them, and can be told to hang or to put mails off.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::ports::listen;

/// Between two looks of a connection that hangs.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A mail server on a port of its own. It takes no connection any more once it is dropped.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    mails: Mutex<Vec<String>>,
    recipients: AtomicUsize,
    to_put_off: AtomicUsize,
    hangs: AtomicBool,
    is_over: AtomicBool,
}

impl MailServer {
    /// Starts one that takes every mail.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start() -> io::Result<Self> {
        let listener = listen()?;
        let server = Self { address: listener.local_addr()?, state: Arc::default() };
        let state = Arc::clone(&server.state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if state.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), state) = (stream, Arc::clone(&state)) else { continue };
                // Whoever breaks the connection off has been answered enough.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The mails that it took, in the order in which they came; lines end with `\n`.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        self.state.mails.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was told for whom a mail is.
    #[must_use]
    pub fn recipients(&self) -> usize {
        self.state.recipients.load(Ordering::SeqCst)
    }

    /// From now on it says nothing once it is told for whom a mail is, or no longer so.
    pub fn hang(&self, hangs: bool) {
        self.state.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Puts so many mails off, the next ones that come. Its answer names the recipient, as those of real servers do.
    pub fn put_off(&self, mails: usize) {
        self.state.to_put_off.store(mails, Ordering::SeqCst);
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.state.hangs.store(false, Ordering::SeqCst);
        self.state.is_over.store(true, Ordering::SeqCst);
        // So that it looks.
        drop(TcpStream::connect(self.address));
    }
}

fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let (mut out, mut lines) = (stream.try_clone()?, BufReader::new(stream).lines());
    out.write_all(b"220 here\r\n")?;
    while let Some(line) = lines.next() {
        let line = line?;
        match line.split(' ').next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "RCPT" => {
                state.recipients.fetch_add(1, Ordering::SeqCst);
                while state.hangs.load(Ordering::SeqCst) {
                    thread::sleep(LOOK_EVERY);
                }
                let one_less = |left: usize| left.checked_sub(1);
                match state.to_put_off.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
                    Ok(_) => write!(out, "451 later, {line}\r\n")?,
                    Err(_) => out.write_all(b"250 yes\r\n")?,
                }
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let mail = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect::<Vec<_>>();
                state.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail.join("\n"));
                out.write_all(b"250 taken\r\n")?;
            }
            "QUIT" => return out.write_all(b"221 bye\r\n"),
            _ => out.write_all(b"250 yes\r\n")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says some lines, and answers the last line that came.
    fn say(server: &MailServer, said: &[&str]) -> String {
        let stream = TcpStream::connect(server.address()).unwrap();
        let (mut out, mut lines) = (stream.try_clone().unwrap(), BufReader::new(stream).lines());
        let mut answer = lines.next().unwrap().unwrap();
        for said in said {
            write!(out, "{said}\r\n").unwrap();
            answer = lines.next().unwrap().unwrap();
        }
        answer
    }

    #[test]
    fn it_keeps_what_it_takes_and_puts_off_what_it_is_told_to() {
        let server = MailServer::start().unwrap();
        server.put_off(1);
        let to = ["EHLO me", "MAIL FROM:<a@example.com>", "RCPT TO:<fan@example.com>"];
        assert_eq!(say(&server, &to), "451 later, RCPT TO:<fan@example.com>");
        assert_eq!(say(&server, &to), "250 yes");
        assert_eq!(say(&server, &["EHLO me", "DATA", "Subject: x\r\n\r\nhello\r\n.", "QUIT"]), "221 bye");
        assert_eq!((server.mails(), server.recipients()), (vec!["Subject: x\n\nhello".to_owned()], 2));
    }
}
