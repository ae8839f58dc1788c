//! Where a draw is published: a folder, or the edge.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{StatusCode, Url};

use fairgate_token::{JwksError, KeySet};

/// A record or a key document that is longer is not one.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;
/// A bundle of a log's statements: 256 of at most 2¹⁶ bytes.
const TILE_BYTES_MAX: u64 = 256 * (2 + (1 << 16));
/// The roster is fetched in ranges, so that a broken connection costs one of them and not all.
const RANGE_BYTES: u64 = 4 << 20;
const ATTEMPTS_PER_RANGE: u32 = 4;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A published draw.
#[derive(Clone, Debug)]
pub enum Source {
    /// `draw.json`, `roster` (or, by `fairgate/v2`, `roster.{t}` and `tags.{t}` for each tier) and, perhaps, `jwks.json`,
    /// `claims`, proofs of the draw log (`freeze.tlog-proof`, …) and its tiles (`draw.log/…`), in a folder.
    Folder(PathBuf),
    /// The record's URL, `…/.fairgate/{room}/draw`; the roster and the keys are found from there.
    Edge(Url),
}

/// Why something published cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file.
    #[error("cannot read {}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// An answer over HTTP.
    #[error("cannot get {url}: {why}")]
    Http {
        /// From where.
        url: Url,
        /// Why.
        why: String,
    },
    /// The roster or the list of claims broke off.
    #[error("cannot read a list to its end: {0}")]
    List(io::Error),
    /// Neither a URL nor a folder.
    #[error("{0:?} is neither a folder nor the URL of a draw (https://…/.fairgate/{{room}}/draw)")]
    Neither(String),
    /// The keys are not a JWKS.
    #[error("the keys of {from} cannot be used: {why}")]
    Keys {
        /// Where they came from.
        from: String,
        /// Why.
        why: JwksError,
    },
}

impl Source {
    /// Tells a folder from a URL.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if Path::new(text).is_dir() {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        match Url::parse(text.trim_end_matches('/')) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Edge(url)),
            _ => Err(SourceError::Neither(text.to_owned())),
        }
    }

    /// The record's text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn record(&self) -> Result<String, SourceError> {
        match self {
            Self::Folder(folder) => read_document(&folder.join("draw.json")),
            Self::Edge(url) => get_document(url).and_then(|found| found.ok_or_else(|| missing(url))),
        }
    }

    /// The operator's keys that stand beside the record, if any do, for tokens of this issuer. (A record names none.)
    ///
    /// # Errors
    /// When there are some and they cannot be read.
    pub fn keys(&self, issuer: &str) -> Result<Option<KeySet>, SourceError> {
        let text = match self {
            Self::Folder(folder) => {
                let path = folder.join("jwks.json");
                if path.exists() { Some(read_document(&path)?) } else { None }
            }
            Self::Edge(url) => get_document(&beside(url, "../jwks.json")?)?,
        };
        let unusable = |why: JwksError| SourceError::Keys { from: self.to_string(), why };
        text.map(|text| KeySet::from_jwks(&text, issuer)).transpose().map_err(unusable)
    }

    /// The roster's bytes, from the first entry on.
    ///
    /// # Errors
    /// When it cannot be opened; later errors come from the reader.
    pub fn roster(&self) -> Result<Box<dyn Read>, SourceError> {
        match self {
            Self::Folder(folder) => open_list(folder.join("roster")),
            Self::Edge(url) => Ok(Box::new(Ranges::new(beside(url, "draw/roster")?)?)),
        }
    }

    /// The roster of a tier, from the first entry on.
    ///
    /// # Errors
    /// When it cannot be opened; later errors come from the reader.
    pub fn tier_roster(&self, tier: u8) -> Result<Box<dyn Read>, SourceError> {
        match self {
            Self::Folder(folder) => open_list(folder.join(format!("roster.{tier}"))),
            Self::Edge(url) => Ok(Box::new(Ranges::new(beside(url, &format!("draw/roster/{tier}"))?)?)),
        }
    }

    /// The tags of a tier, from the first entry's on, if they are published.
    ///
    /// # Errors
    /// When there are some and they cannot be opened; later errors come from the reader.
    pub fn tier_tags(&self, tier: u8) -> Result<Option<Box<dyn Read>>, SourceError> {
        self.list(&format!("tags.{tier}"), &format!("draw/tags/{tier}"))
    }

    /// The list of claims, if one is published.
    ///
    /// # Errors
    /// When there is one and it cannot be opened; later errors come from the reader.
    pub fn claims(&self) -> Result<Option<Box<dyn Read>>, SourceError> {
        self.list("claims", "draw/claims")
    }

    /// The proof that the draw log has a statement of the draw (`draw`, `freeze`, `reveal`), if one is published.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn log_proof(&self, kind: &str) -> Result<Option<String>, SourceError> {
        match self {
            Self::Folder(folder) => read_if_there(&folder.join(format!("{kind}.tlog-proof"))),
            Self::Edge(url) => get_document(&beside(url, &format!("draw/{kind}.tlog-proof"))?),
        }
    }

    /// The signed numbers of the draw's entry, if they are published.
    ///
    /// # Errors
    /// When there are some and they cannot be read.
    pub fn counts(&self) -> Result<Option<String>, SourceError> {
        match self {
            Self::Folder(folder) => read_if_there(&folder.join("entry.json")),
            Self::Edge(url) => get_document(&beside(url, "draw/entry")?),
        }
    }

    /// A file of the draw log whose path on its host is `log` (`/.fairgate/draw.log`), by its name below that path, if it is
    /// published.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub fn log_file(&self, log: &str, name: &str) -> Result<Option<Vec<u8>>, SourceError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(log.rsplit_once("/.fairgate/").map_or("draw.log", |(_, log)| log)).join(name);
                read_bytes_if_there(&path)
            }
            Self::Edge(url) => get_bytes(&beside(url, &format!("{log}/{name}"))?),
        }
    }

    /// A list, by its name in a folder and its address beside the record, if it is published.
    fn list(&self, file: &str, address: &str) -> Result<Option<Box<dyn Read>>, SourceError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(file);
                if path.exists() { open_list(path).map(Some) } else { Ok(None) }
            }
            Self::Edge(url) => {
                let url = beside(url, address)?;
                let there = client(&url)?.head(url.clone()).send().map_err(|why| http(&url, why))?;
                if there.status() == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                Ok(Some(Box::new(Ranges::new(url)?)))
            }
        }
    }
}

/// A list in a folder.
fn open_list(path: PathBuf) -> Result<Box<dyn Read>, SourceError> {
    match File::open(&path) {
        Ok(file) => Ok(Box::new(file)),
        Err(why) => Err(SourceError::File { path, why }),
    }
}

fn read_document(path: &Path) -> Result<String, SourceError> {
    let failed = |why| SourceError::File { path: path.to_owned(), why };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(DOCUMENT_BYTES_MAX).read_to_string(&mut text)).map_err(failed)?;
    Ok(text)
}

fn read_if_there(path: &Path) -> Result<Option<String>, SourceError> {
    if path.exists() { read_document(path).map(Some) } else { Ok(None) }
}

fn read_bytes_if_there(path: &Path) -> Result<Option<Vec<u8>>, SourceError> {
    let failed = |why| SourceError::File { path: path.to_owned(), why };
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(TILE_BYTES_MAX).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(Some(bytes))
}

/// A document, or `None` where there is none at this URL.
fn get_document(url: &Url) -> Result<Option<String>, SourceError> {
    let bytes = get_at_most(url, DOCUMENT_BYTES_MAX)?;
    bytes.map(|bytes| String::from_utf8(bytes).map_err(|why| http(url, why))).transpose()
}

/// A tile of a log, or `None` where there is none at this URL.
fn get_bytes(url: &Url) -> Result<Option<Vec<u8>>, SourceError> {
    get_at_most(url, TILE_BYTES_MAX)
}

fn get_at_most(url: &Url, bytes_max: u64) -> Result<Option<Vec<u8>>, SourceError> {
    let answer = client(url)?.get(url.clone()).send().map_err(|why| http(url, why))?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Ok(None),
        status => return Err(http(url, format!("the answer is {status}"))),
    }
    let mut bytes = Vec::new();
    answer.take(bytes_max).read_to_end(&mut bytes).map_err(|why| http(url, why))?;
    Ok(Some(bytes))
}

fn client(url: &Url) -> Result<Client, SourceError> {
    Client::builder().timeout(REQUEST_TIMEOUT).build().map_err(|why| http(url, why))
}

fn beside(url: &Url, path: &str) -> Result<Url, SourceError> {
    url.join(path).map_err(|why| http(url, why))
}

fn http(url: &Url, why: impl fmt::Display) -> SourceError {
    SourceError::Http { url: url.clone(), why: why.to_string() }
}

fn missing(url: &Url) -> SourceError {
    http(url, "there is no draw at this address")
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Edge(url) => url.fmt(f),
        }
    }
}

/// A resource read range by range. The server may answer less than it was asked for: what counts is what it says it sent.
struct Ranges {
    client: Client,
    url: Url,
    next: u64,
    /// How long the resource is, from the first answer on.
    bytes: Option<u64>,
    answer: Option<Response>,
}

impl Ranges {
    fn new(url: Url) -> Result<Self, SourceError> {
        Ok(Self { client: client(&url)?, url, next: 0, bytes: None, answer: None })
    }

    /// Asks for the range from `next` on.
    fn ask(&mut self) -> io::Result<()> {
        let range = format!("bytes={}-{}", self.next, self.next + RANGE_BYTES - 1);
        let answer = self.client.get(self.url.clone()).header(RANGE, range).send().map_err(io::Error::other)?;
        self.bytes = match (answer.status(), content_range(&answer)) {
            (StatusCode::PARTIAL_CONTENT, Some((first, bytes))) if first == self.next => Some(bytes),
            // It sends everything, whatever it was asked for.
            (StatusCode::OK, _) if self.next == 0 => Some(u64::MAX),
            // There is no byte to send: the roster is empty.
            (StatusCode::RANGE_NOT_SATISFIABLE, _) if self.next == 0 => Some(0),
            (status, _) => return Err(io::Error::other(format!("{} answers {status} to a range", self.url))),
        };
        self.answer = Some(answer).filter(|_| self.bytes != Some(0));
        Ok(())
    }

    fn read_once(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.bytes.is_none_or(|bytes| self.next < bytes) {
            let Some(answer) = &mut self.answer else {
                self.ask()?;
                continue;
            };
            let read = answer.read(buffer)?;
            self.next += read as u64;
            if read > 0 {
                return Ok(read);
            }
            self.answer = None;
            if self.bytes == Some(u64::MAX) {
                break;
            }
        }
        Ok(0)
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut attempt = 1;
        loop {
            match self.read_once(buffer) {
                Err(_) if attempt < ATTEMPTS_PER_RANGE => {
                    std::thread::sleep(Duration::from_millis(250) * attempt);
                    self.answer = None;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

/// `bytes first-last/length`: the first byte and the length.
fn content_range(answer: &Response) -> Option<(u64, u64)> {
    let value = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, bytes) = value.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, bytes.parse().ok()?))
}
