//! The configuration: the TOML file as it was written, and [`Config`], what the program runs on.
//!
//! Guarantees:
//! - a [`Config`] has been checked as a whole (times in order, nothing overlaps, every name leads somewhere)
//! - a file that fails a check changes nothing and every mistake in it is told at once, each with file, line, key and
//!   remedy
//!
//! A key that nobody reads is a mistake. Secrets never stand in the file: it names environment variables.
//!
//! One file a section; each reads its table through a [`reader::Section`], which reports what does not fit.

mod admin;
mod beside;
mod draw;
mod draw_log;
mod edge;
mod entry;
mod files;
mod keys;
mod label;
mod limits;
mod log;
mod origin;
mod overlap;
mod page;
mod problem;
mod reader;
mod room;
mod sale;
mod session;
mod store;
mod syntax;
mod tier;
mod times;
mod upstream;
mod value;
mod warnings;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use admin::{AdminConfig, AdminToken, Role, TokenSource};
pub use beside::{RoomText, as_one_file};
pub use draw::{BeaconConfig, Relay};
pub use draw_log::{DrawLogConfig, NoteKey, WitnessConfig};
pub use edge::{EdgeConfig, HeadersConfig, TlsListener};
pub(crate) use entry::read_networks;
pub use entry::{
    CodesConfig, EntryConfig, EntrySecrets, IDENTITY_KEY_ENV, IssuerKeySource, LARGE_DOMAINS, MailConfig, MailLogin,
    OidcConfig, PRIVATE_TOKEN, PrivateTokenConfig, ProviderSettings, SafeUrl, ShopConfig, ShopKeySource, SmtpServer,
    WorkConfig,
};
pub use fairgate_telemetry::secret::Secret;
pub use fairgate_telemetry::zones::Zones;
pub use keys::Key;
pub use label::Label;
pub use limits::LimitsConfig;
pub use log::{LogConfig, LogFormat};
pub use origin::Origin;
pub use page::{EndConfig, PageConfig};
pub use problem::{ConfigError, Problem};
pub use room::{AfterEnd, Host, PollConfig, RoomConfig, ScheduleConfig};
pub use sale::SaleConfig;
pub use session::{SessionConfig, Several};
pub use store::{RedisConfig, StoreConfig};
pub use tier::TierConfig;
pub use upstream::UpstreamConfig;
pub use warnings::Warning;

use problem::Problems;
use reader::{Document, Section};

/// Everything `fairgate edge` runs on.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its version: rooms follow no file that is older than one they have followed.
    pub version: u64,
    /// Listeners, keys and limits towards the fans.
    pub edge: EdgeConfig,
    /// Where rooms live.
    pub store: StoreConfig,
    /// The listener for organizers, SREs and Prometheus.
    pub admin: AdminConfig,
    /// How it logs.
    pub log: LogConfig,
    /// The log of all draws, where one is kept.
    pub draw_log: Option<DrawLogConfig>,
    /// The shops behind the gate.
    pub upstreams: Vec<UpstreamConfig>,
    /// The rooms.
    pub rooms: Vec<RoomConfig>,
}

impl Config {
    /// Reads and checks a file, and the files that it names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
        Self::read(&text, path, files::check)
    }

    /// Reads and checks a text. The files that it names are not looked at; `path` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        Self::read(text, path, |_, _| ())
    }

    /// Every key that is asked for while this text is read, those that are not in the text included. Where the text
    /// has each array of tables once, these are all keys that there are.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn keys(text: &str, path: &Path) -> Result<Vec<Key>, ConfigError> {
        let problems = Problems::new(path, text);
        let keys = Document::parse(text, &problems).and_then(|document| {
            document.root(|root| Self::read_sections(root, path))?;
            Some(document.keys())
        });
        problems.into_result(keys)
    }

    fn read(text: &str, path: &Path, check_files: fn(&Self, &Document<'_>)) -> Result<Self, ConfigError> {
        let problems = Problems::new(path, text);
        let config = Document::parse(text, &problems).and_then(|document| {
            let config = document.root(|root| Self::read_sections(root, path))?;
            overlap::check(&config, &document);
            check_files(&config, &document);
            Some(config)
        });
        problems.into_result(config)
    }

    fn read_sections(root: &Section<'_>, path: &Path) -> Option<Self> {
        let origin = Origin::read(root, path);
        // Every section is read before one that does not fit ends it, so that all mistakes are found.
        let edge = root.section("edge", EdgeConfig::read);
        let store = root.section("store", StoreConfig::read);
        let admin = root.section("admin", AdminConfig::read);
        let log = root.section("log", log::read_log);
        let draw_log = root.section("draw", draw_log::read_draw);
        let upstreams = root.sections("upstream", UpstreamConfig::read);
        let rooms = root.sections("room", RoomConfig::read);
        let mut rooms = rooms?;
        rooms.iter_mut().for_each(|room| room.origin = origin.clone());
        Some(Self {
            version: origin.version,
            edge: edge?,
            store: store?,
            admin: admin?,
            log: log?,
            draw_log: draw_log?,
            upstreams: upstreams?,
            rooms,
        })
    }

    /// The shop with a name.
    #[must_use]
    pub fn upstream(&self, name: &str) -> Option<&UpstreamConfig> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }
}
