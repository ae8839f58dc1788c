//! Reading what clients send, with a problem that names the field for everything that cannot be right.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body_util::BodyExt;
use ring::digest::{Context, SHA256};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use super::problem::Problem;
use super::reply::Reply;

/// A whole body must be here within this time.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(10);
const KEY_CHARS_MAX: usize = 128;
/// What the edge says about who asks; it removes what the client sent.
const X_FORWARDED_FOR: &str = "x-forwarded-for";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A body that is not there as it should be.
#[derive(Clone, Debug)]
pub(super) enum BodyError {
    TooLarge,
    /// The body did not come to its end in time.
    Slow,
    Unreadable(StatusCode, String),
}

impl From<BytesRejection> for BodyError {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            status => Self::Unreadable(status, rejection.body_text()),
        }
    }
}

/// Takes in a whole body, within the bound. One that came with its head in one piece is neither copied nor waited for.
pub(super) async fn read_body<B>(body: B) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data = Bytes, Error: ToString> + Unpin,
{
    timeout(BODY_PATIENCE, collect(body)).await.unwrap_or(Err(BodyError::Slow))
}

async fn collect<B>(mut body: B) -> Result<Bytes, BodyError>
where
    B: HttpBody<Data = Bytes, Error: ToString> + Unpin,
{
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Unreadable(StatusCode::BAD_REQUEST, error.to_string()))?;
        let Ok(piece) = frame.into_data() else { continue };
        if piece.len() > super::BODY_BYTES_MAX - first.len() - rest.len() {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() {
            first = piece;
        } else {
            rest.extend_from_slice(&piece);
        }
    }
    Ok(if rest.is_empty() { first } else { [&first[..], &rest].concat().into() })
}

/// Takes in the body of a request before anybody handles it, so that nobody waits for one who sends a byte now and then.
pub(super) async fn take_in(request: Request) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = read_body(body).await.map_err(unreadable)?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Reads a JSON body.
pub(super) fn read_json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, impl Into<BodyError>>,
) -> Result<T, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json") {
        let (status, detail) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.");
        return Err(Problem::new(status, "not-json", "Not JSON", detail).with("field", "Content-Type"));
    }
    let body = body.map_err(|error| unreadable(error.into()))?;
    // serde would read a list as the fields of a struct in their order.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid("body", "The body must be a JSON object."));
    }
    // The way to a mistake is looked for when there is one: following it costs more than reading.
    serde_json::from_slice(&body).or_else(|_| explain(&body))
}

fn explain<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| unfit(&error))?;
    json.end().map_err(|error| broken(&error))?;
    Ok(value)
}

fn unreadable(error: BodyError) -> Problem {
    let (status, slug, title, detail) = match error {
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            "The body is larger than 256 KiB.".to_owned(),
        ),
        BodyError::Slow => (
            StatusCode::REQUEST_TIMEOUT,
            "slow",
            "The body came too slowly",
            format!("The body was not here within {} s.", BODY_PATIENCE.as_secs()),
        ),
        BodyError::Unreadable(status, detail) => (status, "unreadable", "The body cannot be read", detail),
    };
    Problem::new(status, slug, title, detail).with("field", "body")
}

fn unfit(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if !error.inner().is_data() {
        return broken(error.inner());
    }
    // serde names missing and unknown fields in its message, and the path ends at the object around them.
    let message = error.inner().to_string();
    let path = error.path().to_string();
    let named = message.split('`').nth(1).filter(|_| message.contains("field `"));
    let field = match (path.as_str(), named) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => "body".to_owned(),
        _ => path,
    };
    Problem::invalid(&field, message)
}

fn broken(error: &serde_json::Error) -> Problem {
    let detail = format!("The body is not JSON: {error}.");
    Problem::new(StatusCode::BAD_REQUEST, "broken-json", "Broken JSON", detail).with("field", "body")
}

/// The id that follows from a session and the request's `Idempotency-Key`: the same request again has the same id.
pub(super) fn id_of_key(headers: &HeaderMap, purpose: &str, session: &str) -> Result<Uuid, Problem> {
    let missing = || {
        let detail = "Send an Idempotency-Key (a fresh random value for each thing that is to happen once).";
        Problem::new(StatusCode::BAD_REQUEST, "idempotency-key-missing", "No Idempotency-Key", detail)
            .with("field", "Idempotency-Key")
    };
    let key = headers.get(IDEMPOTENCY_KEY).ok_or_else(missing)?.to_str().unwrap_or("").trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("1 to {KEY_CHARS_MAX} visible ASCII characters, please.");
        return Err(Problem::invalid("Idempotency-Key", detail));
    }
    Ok(digest(&[purpose.as_bytes(), session.as_bytes(), key.as_bytes()]))
}

/// The digest of a request's meaning: the same fingerprint, the same request.
pub(super) fn fingerprint_of(parts: &[&[u8]]) -> Uuid {
    digest(parts)
}

/// 122 bits of SHA-256 over the parts with their lengths, as a UUID of version 8.
fn digest(parts: &[&[u8]]) -> Uuid {
    let mut hash = Context::new(&SHA256);
    hash.update(b"fairgate/v1/booking\0");
    for part in parts {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finish().as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The address of whoever asks, as the edge says it.
pub(super) fn client_of(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(X_FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

/// A UUID from a path.
pub(super) fn booking_id(path: &str) -> Result<Uuid, Problem> {
    path.parse().map_err(|_| Problem::not_found("booking"))
}

/// An answer that was given before, byte for byte.
pub(super) fn replay(answer: &super::StoredAnswer) -> axum::response::Response {
    Reply::from(answer).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(key: &str) -> HeaderMap {
        [(http::HeaderName::from_static("idempotency-key"), key.parse().expect("a header"))].into_iter().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_body_that_does_not_end() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let slow = take_in(Request::new(endless)).await.expect_err("it never ends").into_response();
        assert_eq!(slow.status(), StatusCode::REQUEST_TIMEOUT);
        let whole = take_in(Request::new(Body::from("{}"))).await.expect("it is here");
        assert_eq!(read_body(whole.into_body()).await.expect("it is here"), "{}");
        let pieces = [&b"{"[..], b"\"a\":", b"1}"].map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)));
        let pieces = Body::from_stream(futures_util::stream::iter(pieces));
        assert_eq!(read_body(pieces).await.expect("all of it"), "{\"a\":1}");
        let large = take_in(Request::new(Body::from(vec![b' '; crate::http::BODY_BYTES_MAX + 1]))).await;
        assert_eq!(large.expect_err("too much").into_response().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn an_id_follows_from_purpose_session_and_key() {
        let id = |purpose, session, key| id_of_key(&headers(key), purpose, session).expect("a good key");
        assert_eq!(id("reserve", "s", "k"), id("reserve", "s", "\"k\""));
        assert_ne!(id("reserve", "s", "k"), id("payment", "s", "k"));
        assert_ne!(id("reserve", "ab", "c"), id("reserve", "a", "bc"));
    }

    #[test]
    fn keys_are_short_and_printable() {
        for bad in ["", " ", "a b", &"k".repeat(129)] {
            assert!(id_of_key(&headers(bad), "reserve", "s").is_err(), "{bad:?}");
        }
        assert!(id_of_key(&HeaderMap::new(), "reserve", "s").is_err());
    }
}
