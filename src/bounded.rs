//! The body of another server's answer, bounded in size.

use reqwest::Response;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// The connection broke, or the time was over.
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
    /// It is longer than what was asked for can be.
    #[error("its answer has more than {0} bytes")]
    TooLong(usize),
}

/// Reads a body that may have so many bytes.
///
/// # Errors
/// It has more, or does not come to its end.
pub(crate) async fn read_bounded(mut answer: Response, bytes_max: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > bytes_max {
            return Err(Unread::TooLong(bytes_max));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
