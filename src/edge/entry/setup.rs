//! Makes a room's desk of its configuration and of the secrets that the environment has.
//!
//! Guarantees:
//! - what is missing is said before the edge serves anybody, all of it at once
//! - a room that asks nothing has no desk

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use fairgate_entry::binding::OfferKeys;
use fairgate_entry::code::Campaigns;
use fairgate_entry::heat::NetworkTable;
use fairgate_entry::keys::{IdentityKey, Purpose};
use fairgate_entry::mail::MailKeys;
use fairgate_entry::oidc::SignInKey;
use fairgate_entry::policy::Binding;
use fairgate_entry::private_token::PrivateTokens;
use fairgate_entry::provider::Provider;
use fairgate_entry::shop::{JwksError, ShopKey, ShopKeys};
use fairgate_entry::voucher::VoucherKey;
use fairgate_entry::wait::Wait;
use fairgate_entry::way::{Ask, Way, WayName};
use fairgate_entry::work::altcha::Altcha;
use fairgate_entry::work::way::Work;

use super::campaigns::CampaignFiles;
use super::challenge::Challenge;
use super::desk::{Desk, all_ways};
use super::issuers::Issuer;
use super::load::Load;
use super::mailer::Mailer;
use super::moves::Moves;
use super::notes::Notes;
use super::provider_client::ProviderClient;
use super::remote_shop::{Make, RemoteShop};
use super::sign_in::{Rate, SignInProvider};
use crate::config::{
    EntryConfig, EntrySecrets, Host, IssuerKeySource, OidcConfig, PRIVATE_TOKEN, PrivateTokenConfig, ProviderSettings,
    RoomConfig, Secret, ShopConfig, ShopKeySource, read_networks,
};
use crate::observe::EntryMetrics;
use fairgate_telemetry::entropy::{NoRandomness, random_bytes};

/// Everything that a desk is made of, looked up.
pub(crate) struct DeskSetup {
    room: String,
    expected: u64,
    title: String,
    prefix: String,
    hosts: Vec<String>,
    tiers: Vec<String>,
    config: EntryConfig,
    identity: IdentityKey,
    secrets: EntrySecrets,
    shop_keys: Vec<Option<ShopKey>>,
    table: NetworkTable,
    codes_dir: PathBuf,
}

/// Why a room cannot ask what it is configured to ask.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The environment lacks secrets.
    #[error("room {room:?}: {}", problems.join("; "))]
    Secrets {
        /// The room.
        room: String,
        /// What is missing, and the remedies.
        problems: Vec<String>,
    },
    /// The mail server cannot be asked.
    #[error("room {room:?}: `smtp` is not the URL of a mail server that can be asked; compare it with config.md")]
    Mail {
        /// The room.
        room: String,
    },
    /// No client for providers can be made.
    #[error("cannot make an HTTP client for challenge providers: {0}; check the system's root certificates")]
    Client(#[from] reqwest::Error),
    /// The system has no random numbers for this run's name.
    #[error(transparent)]
    Entropy(#[from] NoRandomness),
    /// The table of networks cannot be read.
    #[error("room {room:?}: `networks`: {reason}")]
    Networks {
        /// The room.
        room: String,
        /// The file, what is wrong with it, and the remedy.
        reason: String,
    },
    /// A shop's keys cannot be read.
    #[error("room {room:?}: cannot read the shop's keys in {}: {reason}", path.display())]
    ShopKeys {
        /// The room.
        room: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl DeskSetup {
    /// Looks up what a room's desk needs; nothing where the room asks nothing.
    ///
    /// # Errors
    /// What is missing.
    pub(crate) fn resolve(room: &RoomConfig, prefix: &str, codes_dir: &Path) -> Result<Option<Self>, DeskError> {
        let config = room.entry.clone();
        if config.policy.asks_nothing() && config.policy.binding == Binding::None {
            return Ok(None);
        }
        let problems = |problems| DeskError::Secrets { room: room.name.clone(), problems };
        let secrets = config.resolve(|name| std::env::var(name).ok()).map_err(problems)?;
        let Some(identity) = secrets.identity.clone() else { return Ok(None) };
        let shop_keys = config.shops.iter().zip(&secrets.shops);
        let shop_keys = shop_keys.map(|(shop, secret)| match (&shop.key, secret) {
            (ShopKeySource::File(path), _) => read_keys(path).map(Some).map_err(|reason| DeskError::ShopKeys {
                room: room.name.clone(),
                path: path.clone(),
                reason,
            }),
            (_, Some(secret)) => Ok(ShopKey::secret(secret.expose().as_bytes()).ok()),
            (_, None) => Ok(None),
        });
        let shop_keys = shop_keys.collect::<Result<_, _>>()?;
        let table = config.networks.as_deref().map_or(Ok(NetworkTable::default()), read_networks);
        let table = table.map_err(|reason| DeskError::Networks { room: room.name.clone(), reason })?;
        let host = |host: &Host| if let Host::Name(name) = host { Some(name.clone()) } else { None };
        Ok(Some(Self {
            room: room.name.clone(),
            expected: room.expected,
            title: room.title.clone(),
            prefix: prefix.to_owned(),
            hosts: room.hosts.iter().filter_map(host).collect(),
            tiers: room.tiers.iter().map(|tier| tier.tier.name.clone()).collect(),
            config,
            identity,
            secrets,
            shop_keys,
            table,
            codes_dir: codes_dir.to_owned(),
        }))
    }

    /// Opens the desk.
    ///
    /// # Errors
    /// Somebody who is to be asked cannot be.
    pub(crate) fn open(self, metrics: &EntryMetrics, now_ms: u64) -> Result<Desk, DeskError> {
        let key = |purpose| self.identity.derive(purpose);
        let work = Work::new(key(Purpose::Work));
        let wait = Wait::new(key(Purpose::Wait));
        let terms: Vec<_> = self.config.codes.iter().map(|codes| codes.terms(&self.tiers)).collect();
        let names: Vec<_> = terms.iter().map(|terms| terms.campaign.clone()).collect();
        let codes = Campaigns::new(&key(Purpose::Codes), terms);
        let remote_shops = self.remote_shops()?;
        let mut ways = self.ways(&work, &wait);
        let mail = self.config.mail.as_ref();
        ways.extend(remote_shops.iter().map(|shop| Arc::clone(shop) as Arc<dyn Way>));
        Ok(Desk {
            judged: ArcSwap::from_pointee(all_ways(&ways, &codes)),
            altcha: self.config.work.stock_widget.then(|| Altcha::new(work)),
            load: Load::new(self.config.work.rules, key(Purpose::Networks), self.expected, now_ms),
            notes: Notes::new(random_bytes()?),
            moves: Moves::new(OfferKeys::new(&key(Purpose::Moves))),
            overruled: ArcSwap::default(),
            summary: ArcSwap::default(),
            is_forgotten: AtomicBool::new(false),
            sharing: Mutex::default(),
            mail_domains: mail.map(|mail| (mail.domain_entries, mail.large_domains.clone())),
            vouchers: VoucherKey::new(&key(Purpose::Voucher)),
            references: key(Purpose::References),
            proofs: key(Purpose::ProofNonce),
            campaigns: ArcSwap::from_pointee(codes.clone()),
            codes: Mutex::new(codes),
            code_files: CampaignFiles::new(self.codes_dir.clone(), key(Purpose::Codes), names.into_iter()),
            challenges: self.challenges(metrics)?,
            sign_ins: self.sign_ins(),
            mailer: self.mailer(metrics)?,
            oidc: self.oidc()?,
            issuers: self.issuers()?,
            policy: self.config.policy.clone(),
            room: self.room,
            table: self.table,
            hosts: self.hosts,
            identity: self.identity,
            metrics: metrics.clone(),
            wait,
            ways,
            remote_shops,
        })
    }

    /// All ways but codes, in the order of what they cost.
    fn ways(&self, work: &Work, wait: &Wait) -> Vec<Arc<dyn Way>> {
        let mut ways: Vec<Arc<dyn Way>> = Vec::new();
        for (shop, key) in self.config.shops.iter().zip(&self.shop_keys) {
            if let Some(key) = key {
                ways.push(Arc::new(shop.way(key.clone(), &self.tiers)));
            }
        }
        ways.push(Arc::new(work.clone()));
        ways.push(Arc::new(wait.clone()));
        for provider in &self.config.providers {
            ways.push(Arc::new(Provider::new(provider.way.clone())));
        }
        ways
    }

    fn remote_shops(&self) -> Result<Vec<Arc<RemoteShop>>, reqwest::Error> {
        let remote = self.config.shops.iter().filter_map(|shop| match &shop.key {
            ShopKeySource::Url(url) => Some((shop.clone(), url.as_str())),
            ShopKeySource::Variable(_) | ShopKeySource::File(_) => None,
        });
        let make = |(shop, url): (ShopConfig, &str)| {
            let (name, issuer, tiers) = (shop.name.clone(), shop.issuer.clone(), self.tiers.clone());
            let make = Make(Box::new(move |key| shop.way(key, &tiers)));
            RemoteShop::new(&name, &issuer, url, make).map(Arc::new)
        };
        remote.map(make).collect()
    }

    fn challenges(&self, metrics: &EntryMetrics) -> Result<Vec<Challenge>, reqwest::Error> {
        let with_secrets = self.config.providers.iter().zip(&self.secrets.providers);
        let challenge = |(settings, secret): (&ProviderSettings, &Secret)| {
            let provider = Provider::new(settings.way.clone());
            Challenge::new(provider, secret.clone(), settings.url.as_str(), metrics.clone())
        };
        with_secrets.map(challenge).collect()
    }

    fn oidc(&self) -> Result<Vec<SignInProvider>, reqwest::Error> {
        let with_secrets = self.config.oidc.iter().zip(&self.secrets.oidc);
        let provider = |(client, secret): (&OidcConfig, &Secret)| {
            Ok(SignInProvider {
                name: client.name.clone(),
                client_id: client.client_id.clone(),
                scopes: client.scopes.join(" "),
                rules: client.claim_rules(&self.tiers),
                key: SignInKey::new(&self.identity.derive(Purpose::SignIn)),
                client: ProviderClient::new(&client.issuer, &client.client_id, secret.clone())?,
                open_from_ms: client.open_from_ms,
                rate: Mutex::new(Rate::new(client.per_second)),
            })
        };
        with_secrets.map(provider).collect()
    }

    fn issuers(&self) -> Result<Vec<Issuer>, DeskError> {
        let Ok(name) = WayName::new(PRIVATE_TOKEN) else { return Ok(Vec::new()) };
        let issuer = |config: &PrivateTokenConfig| {
            let (keys, directory) = match &config.keys {
                IssuerKeySource::Keys(keys) => (keys.clone(), None),
                IssuerKeySource::Directory(url) => (Vec::new(), Some(url.as_str())),
            };
            let seeds = self.identity.derive(Purpose::Work);
            let way = PrivateTokens { name: name.clone(), issuer: config.issuer.clone(), keys, seeds };
            Ok(Issuer::new(way, directory)?)
        };
        self.config.private_tokens.iter().map(issuer).collect()
    }

    fn mailer(&self, metrics: &EntryMetrics) -> Result<Option<Arc<Mailer>>, DeskError> {
        let Some(mail) = &self.config.mail else { return Ok(None) };
        let login = self.secrets.mail.as_ref();
        let url = login.map_or_else(
            || mail.smtp.as_str().to_owned(),
            |login| mail.smtp.with_login(&login.user, login.password.expose()),
        );
        let (keys, sender) =
            (MailKeys::new(&self.identity.derive(Purpose::Mail)), (mail.from.clone(), self.title.clone()));
        let mailer = Mailer::new(keys, sender, &url, mail.per_second, metrics.clone());
        // The error may quote the URL, which has the password in it.
        let unusable = |_| DeskError::Mail { room: self.room.clone() };
        mailer.map(|mailer| Some(Arc::new(mailer))).map_err(unusable)
    }

    /// What the page is told of ways that end in a sign-in.
    fn sign_ins(&self) -> Vec<(WayName, Ask)> {
        let begin = |name: &WayName| format!("{}/{}/entry/oidc/{name}", self.prefix, self.room);
        let sign_in = |name: &WayName| (name.clone(), Ask::SignIn { url: begin(name), label: name.to_string() });
        let mail = self.config.mail.as_ref().and_then(|_| WayName::new(WayName::MAIL).ok());
        let tokens = (!self.config.private_tokens.is_empty()).then(|| WayName::new(PRIVATE_TOKEN).ok()).flatten();
        let oidc = self.config.oidc.iter().map(|client| sign_in(&client.name));
        oidc.chain(mail.into_iter().chain(tokens).map(|name| (name, Ask::Plain {}))).collect()
    }
}

fn read_keys(path: &Path) -> Result<ShopKey, String> {
    let document = std::fs::read(path).map_err(|error| error.to_string())?;
    ShopKeys::read(&document).map(ShopKey::Public).map_err(|error: JwksError| error.to_string())
}
