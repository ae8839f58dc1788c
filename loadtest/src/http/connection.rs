//! One kept connection and one exchange over it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Answer, Partial};
use super::sockets::Sockets;

/// Longer than any answer should take; a fan gives up on the exchange then.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Why an exchange brought no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No connection could be made.
    Connect(io::Error),
    /// The connection broke.
    Io(io::Error),
    /// The connection ended before the answer began.
    Closed,
    /// The connection ended in the middle of the answer.
    CutOff,
    /// No answer in time.
    TimedOut,
    /// The answer is not HTTP.
    Malformed(&'static str),
}

impl Fault {
    /// The kind, for counting.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Connect(error) => format!("connect failed ({})", error.kind()),
            Self::Io(error) => format!("connection broke ({})", error.kind()),
            Self::Closed => "connection closed before the answer".to_owned(),
            Self::CutOff => "answer cut off".to_owned(),
            Self::TimedOut => "no answer in time".to_owned(),
            Self::Malformed(what) => format!("malformed answer ({what})"),
        }
    }
}

/// A connection that can be asked again.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, slot: OwnedSemaphorePermit) -> Self {
        Self { stream, _slot: slot }
    }

    async fn ask(&mut self, question: &[u8]) -> Result<Answer, Fault> {
        self.stream.write_all(question).await.map_err(broken)?;
        let mut buffer = Vec::with_capacity(2_048);
        let mut partial = None;
        loop {
            let bytes = self
                .stream
                .read_buf(&mut buffer)
                .await
                .map_err(|error| if buffer.is_empty() { broken(error) } else { Fault::CutOff })?;
            let closed = bytes == 0;
            if closed && buffer.is_empty() {
                return Err(Fault::Closed);
            }
            if partial.is_none() {
                partial = Partial::read_head(&mut buffer)?;
            }
            partial = match partial {
                Some(waiting) => match waiting.finish(&buffer, closed)? {
                    Ok(answer) => return Ok(answer),
                    Err(still_waiting) => Some(still_waiting),
                },
                None if closed => return Err(Fault::CutOff),
                None => None,
            };
        }
    }
}

fn broken(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Fault::Closed,
        _ => Fault::Io(error),
    }
}

/// Asks over a kept connection or a new one, and hands back the connection if it can be kept.
///
/// A kept connection that the server closed meanwhile is replaced once, as every browser does. Questions are safe to
/// repeat (joins by their nonce, claims by their place, bookings by their idempotency key).
pub(crate) async fn exchange(
    sockets: &Sockets,
    kept: Option<Connection>,
    question: &[u8],
) -> (Option<Connection>, Result<Answer, Fault>) {
    let attempt = async {
        if let Some(connection) = kept {
            match ask_over(connection, question).await {
                Err(Fault::Closed) => {}
                other => return other,
            }
        }
        ask_over(sockets.open().await?.0, question).await
    };
    match tokio::time::timeout(ANSWER_WITHIN, attempt).await {
        Ok(Ok((connection, answer))) => (connection, Ok(answer)),
        Ok(Err(fault)) => (None, Err(fault)),
        Err(_) => (None, Err(Fault::TimedOut)),
    }
}

async fn ask_over(mut connection: Connection, question: &[u8]) -> Result<(Option<Connection>, Answer), Fault> {
    let answer = connection.ask(question).await?;
    Ok((answer.keep_alive.then_some(connection), answer))
}
