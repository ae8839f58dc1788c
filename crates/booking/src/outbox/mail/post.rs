//! How a mail goes out: by SMTP, or into a directory for whoever tries things out.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fairgate_pages::calendar::Method;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::letter::Letter;

const PATIENCE: Duration = Duration::from_secs(10);

/// Why a mail did not go out. The words name no address.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The mail cannot be put together; it never will be.
    #[error("the mail cannot be put together: {0}")]
    Unfit(String),
    /// The mail server is out of reach or refuses.
    #[error("the mail server did not take it: {0}")]
    Smtp(String),
    /// The directory cannot be written.
    #[error("cannot write the mail into the directory: {0}")]
    File(#[from] std::io::Error),
}

/// Where mails go.
#[derive(Clone, Debug)]
pub enum Post {
    /// One file a mail, named by its `Message-ID`: sent again, it is the same file.
    Directory(PathBuf),
    /// A mail server.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

impl Post {
    /// A mail server by its URL, like `smtps://user:password@mail.example.com` or `smtp://127.0.0.1:2525`.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn smtp(url: &str) -> Result<Self, PostError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let transport = transport.map_err(|error| PostError::Smtp(error.to_string()))?.timeout(Some(PATIENCE)).build();
        Ok(Self::Smtp(Box::new(transport)))
    }

    /// Sends a mail.
    ///
    /// # Errors
    /// [`PostError`]; sending again is harmless.
    pub async fn send(&self, from: &Mailbox, to: &str, letter: &Letter, at: SystemTime) -> Result<(), PostError> {
        let message = compose(from, to, letter, at)?;
        match self {
            Self::Directory(directory) => Ok(write(directory, &letter.message_id, &message.formatted())?),
            // The server's words may quote the address: only its code is told.
            Self::Smtp(transport) => match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(PostError::Smtp(match error.status() {
                    Some(code) => format!("it answered {code}"),
                    None => "it cannot be reached, or the connection broke".to_owned(),
                })),
            },
        }
    }
}

fn compose(from: &Mailbox, to: &str, letter: &Letter, at: SystemTime) -> Result<Message, PostError> {
    let to = to.parse().map_err(|_| PostError::Unfit("the address is not one".into()))?;
    let builder = Message::builder().from(from.clone()).to(Mailbox::new(None, to)).date(at);
    let builder = builder.message_id(Some(letter.message_id.clone())).subject(&letter.subject);
    let message = match &letter.calendar {
        None => builder.header(ContentType::TEXT_PLAIN).body(letter.text.clone()),
        Some((step, file)) => {
            let words = SinglePart::plain(letter.text.clone());
            builder.multipart(
                MultiPart::mixed().boundary(boundary(letter)).singlepart(words).singlepart(attached(*step, file)?),
            )
        }
    };
    message.map_err(|error| PostError::Unfit(error.to_string()))
}

fn attached(method: Method, file: &str) -> Result<SinglePart, PostError> {
    let kind = format!("text/calendar; charset=utf-8; method={}", method.name());
    let kind = ContentType::parse(&kind).map_err(|error| PostError::Unfit(error.to_string()))?;
    Ok(Attachment::new("booking.ics".to_owned()).body(file.to_owned(), kind))
}

/// Between the parts of a mail; the same when it is sent again.
fn boundary(letter: &Letter) -> String {
    let id: String = letter.message_id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("part-{id}")
}

/// Whole or not at all: written beside and moved.
fn write(directory: &Path, message_id: &str, mail: &[u8]) -> std::io::Result<()> {
    let name: String = message_id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    let (unfinished, finished) = (directory.join(format!(".{name}")), directory.join(format!("{name}.eml")));
    std::fs::write(&unfinished, mail)?;
    std::fs::rename(unfinished, finished)
}
