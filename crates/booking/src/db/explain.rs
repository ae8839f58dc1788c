//! What went wrong with Postgres, in words: the cause itself, and what to do about it where that is known.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};
use tokio_postgres::error::SqlState;

use super::address::Address;
use super::tls::Roots;

/// The cause, down to the last.
pub(super) fn explain(error: &tokio_postgres::Error) -> String {
    let Some(told) = error.as_db_error() else { return chain(error) };
    let more = [told.detail(), told.hint()].into_iter().flatten().map(|more| format!(" ({more})"));
    format!("{}: {}{}", told.severity(), told.message(), more.collect::<String>())
}

fn chain(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        next = cause.source();
    }
    told
}

/// How a connection was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Plain,
    /// Over TLS if the server speaks it.
    TlsIfSpoken,
    Tls,
}

/// True if the server said no, or TLS failed, so that another kind of attempt may succeed. False if the server cannot
/// be reached at all.
pub(super) fn is_refusal(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some() || tls_error(error).is_some()
}

/// True if a pooler between us and the server takes no `options` at the start of a connection.
pub(super) fn is_about_options(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|told| told.message().contains("startup parameter"))
}

/// What happened and what to do, for the person at the terminal.
pub(super) fn connecting(error: &tokio_postgres::Error, attempt: Attempt, address: &Address) -> String {
    let cause = explain(error);
    match remedy(error, attempt, address) {
        Some(remedy) => format!("{cause}; {remedy}"),
        None => cause,
    }
}

fn remedy(error: &tokio_postgres::Error, attempt: Attempt, address: &Address) -> Option<String> {
    if let Some(error) = tls_error(error) {
        return of_tls(error, address);
    }
    let Some(told) = error.as_db_error() else {
        let no_tls = chain(error).contains("server does not support TLS");
        return no_tls.then(|| "set sslmode=prefer (or disable), or turn `ssl` on in the server".to_owned());
    };
    let (code, message) = (told.code(), told.message());
    if message.contains("startup parameter") {
        Some("a pooler stands between that takes no `options`: leave them out of the URL".to_owned())
    } else if code == &SqlState::TOO_MANY_CONNECTIONS {
        Some("raise max_connections in the server, or put a pooler in front of it".to_owned())
    } else if attempt == Attempt::Plain && is_tls_only(message) {
        Some("the server takes TLS only: set sslmode=require".to_owned())
    } else if attempt != Attempt::Plain && message.contains("SSL encryption") {
        Some("the server takes nobody over TLS from here: set sslmode=disable, or mend its pg_hba.conf".to_owned())
    } else {
        None
    }
}

/// Postgres, before 14 and since; PgBouncer.
fn is_tls_only(message: &str) -> bool {
    let by_rule = message.contains("pg_hba.conf") && ["SSL off", "no encryption"].iter().any(|no| message.contains(no));
    by_rule || message.contains("SSL required")
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = wrapped.and_then(|inner| inner.downcast_ref()).or_else(|| cause.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = cause.source();
    }
    None
}

fn of_tls(error: &rustls::Error, address: &Address) -> Option<String> {
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            return Some("the server asks for a client certificate: name it with sslcert, its key with sslkey".into());
        }
        rustls::Error::AlertReceived(AlertDescription::UnknownCA) => {
            return Some("the server does not believe our certificate (sslcert)".into());
        }
        _ => return None,
    };
    match certificate {
        // Somebody unknown; another of the same name; and a server whose own certificate is an authority's.
        error if is_unknown(error) => Some(format!(
            "nobody in {} vouches for the server: name the certificate of its authority with sslrootcert=…",
            roots(address)
        )),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Some(
            "connect by a name that is in the server's certificate (subjectAltName), or set sslmode=verify-ca".into(),
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("the server's certificate has expired: renew it there".into())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("the server's certificate is not valid yet: look at the clocks".into())
        }
        _ => None,
    }
}

fn is_unknown(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => true,
        CertificateError::Other(other) => other.0.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}

fn roots(address: &Address) -> String {
    match &address.certificates.roots {
        Roots::File(file) => file.display().to_string(),
        Roots::System => "this machine's root certificates".to_owned(),
        Roots::Nobody => "no file".to_owned(),
    }
}
