//! The files of campaigns in one directory.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use fairgate_entry::code::campaign::SIGNATURE_BYTES_MAX;
use fairgate_entry::code::{
    Campaign, CampaignBuilder, CampaignError, CampaignName, CampaignReader, Revoked, RevokedError,
};
use fairgate_entry::keys::Key;
use fairgate_store::replace_file;
use fairgate_token::{KeyRing, KeySet};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 18;
/// Most bytes of a bitmap: a bit for each of the most codes that a campaign has, and what stands around them.
const REVOKED_BYTES_MAX: u64 = (1 << 24) + 1024;

/// A campaign as an edge has it.
#[derive(Debug)]
pub struct Loaded {
    /// The list.
    pub campaign: Campaign,
    /// Those of it that no longer count.
    pub revoked: Revoked,
}

/// Why a campaign cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The list is not believed.
    #[error("{path}: {source}", path = path.display())]
    List {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CampaignError,
    },
    /// Signed by nobody who is believed, or made with another identity key.
    #[error(
        "{path} is not signed by a key of this edge, or was made with another identity key; import the codes again here",
        path = path.display()
    )]
    Signature {
        /// The file.
        path: PathBuf,
    },
    /// The file is another campaign's.
    #[error("{path} is the list of campaign {found}; name the file {found}.fgc", path = path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Whose list it is.
        found: String,
    },
    /// The bitmap is not believed.
    #[error("{path}: {source}", path = path.display())]
    Revoked {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RevokedError,
    },
}

/// Where a campaign's list is.
#[must_use]
pub fn list_file(dir: &Path, campaign: &CampaignName) -> PathBuf {
    dir.join(format!("{campaign}.fgc"))
}

/// Where the revoked codes of a campaign are.
#[must_use]
pub fn revoked_file(dir: &Path, campaign: &CampaignName) -> PathBuf {
    dir.join(format!("{campaign}.revoked"))
}

/// The campaigns that have a list in a directory, in order of their names. A directory that is not there has none.
///
/// # Errors
/// When the directory cannot be read.
pub fn campaign_names(dir: &Path) -> io::Result<Vec<CampaignName>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry?.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".fgc"));
        names.extend(name.and_then(|name| CampaignName::new(name).ok()));
    }
    names.sort();
    Ok(names)
}

/// Loads a campaign. `key` is that of [`Purpose::Codes`](fairgate_entry::keys::Purpose::Codes), `signers` are believed.
///
/// # Errors
/// When the list is missing, damaged, made with another key, or the revoked codes are of another list.
pub fn load(dir: &Path, name: &CampaignName, key: &Key, signers: &KeySet) -> Result<Loaded, LoadError> {
    let campaign = load_list(&list_file(dir, name), name, key, signers)?;
    let path = revoked_file(dir, name);
    let revoked = match read_bounded(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Revoked::none(&campaign),
        Err(source) => return Err(LoadError::Io { path, source }),
        Ok(bytes) => Revoked::read(&bytes, &campaign).map_err(|source| LoadError::Revoked { path, source })?,
    };
    Ok(Loaded { campaign, revoked })
}

fn load_list(path: &Path, name: &CampaignName, key: &Key, signers: &KeySet) -> Result<Campaign, LoadError> {
    let failed = |source| LoadError::Io { path: path.to_owned(), source };
    let refused = |source| match source {
        CampaignError::Signature => LoadError::Signature { path: path.to_owned() },
        source => LoadError::List { path: path.to_owned(), source },
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut reader = CampaignReader::default();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let length = file.read(&mut piece).map_err(failed)?;
        if length == 0 {
            break;
        }
        reader.push(&piece[..length]).map_err(refused)?;
    }
    let is_believed = |header: &[u8], signature: &[u8]| {
        let signature = std::str::from_utf8(signature).ok();
        signature.is_some_and(|signature| signers.verify_codes(signature, &signed(header, key)).is_ok())
    };
    let campaign = reader.finish(is_believed).map_err(refused)?;
    if campaign.name() != name {
        return Err(LoadError::Name { path: path.to_owned(), found: campaign.name().to_string() });
    }
    Ok(campaign)
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(REVOKED_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is signed: the list's header, and a mark that only the key of its fingerprints makes.
fn signed(header: &[u8], key: &Key) -> Vec<u8> {
    [header, &key.mac("fairgate/v2/codes-key", &[])].concat()
}

/// A list that was written.
#[derive(Debug)]
pub struct Saved {
    /// Bytes of the file.
    pub bytes: u64,
    /// The list.
    pub campaign: Campaign,
}

/// Writes a campaign's list, which says that it was made at `now_ms`.
///
/// # Errors
/// When a code stands in the list twice, or the file cannot be written.
pub fn save(
    dir: &Path,
    builder: CampaignBuilder,
    key: &Key,
    signer: &KeyRing,
    now_ms: u64,
) -> Result<Saved, SaveError> {
    let path = list_file(dir, builder.campaign());
    let file = builder.made_at(now_ms).finish(|header| {
        let signature = signer.sign_codes(&signed(header, key), now_ms);
        debug_assert!(signature.len() <= SIGNATURE_BYTES_MAX);
        signature.into_bytes()
    })?;
    replace(dir, &path, &file).map_err(|source| SaveError::Io { path, source })?;
    Ok(Saved { bytes: file.len() as u64, campaign: Campaign::read(&file, |_, _| true)? })
}

/// Why a campaign cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The list makes no campaign.
    #[error(transparent)]
    List(#[from] CampaignError),
    /// The file cannot be written.
    #[error("{path} cannot be written: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Writes which codes of a campaign no longer count.
///
/// # Errors
/// When the file cannot be written.
pub fn save_revoked(dir: &Path, campaign: &CampaignName, revoked: &Revoked) -> Result<(), SaveError> {
    let path = revoked_file(dir, campaign);
    replace(dir, &path, &revoked.to_bytes()).map_err(|source| SaveError::Io { path, source })
}

/// What stays revoked where a list replaces another one; nothing where nothing was revoked.
#[must_use]
pub fn carried_over(old: &Loaded, campaign: &Campaign) -> Option<Revoked> {
    if old.revoked.count() == 0 {
        return None;
    }
    let fingerprints = (0..).map_while(|rank| old.campaign.fingerprint(rank).map(|fingerprint| (rank, fingerprint)));
    let mut revoked = Revoked::none(campaign);
    for (_, fingerprint) in fingerprints.filter(|(rank, _)| old.revoked.contains(*rank)) {
        campaign.rank(fingerprint).map(|rank| revoked.revoke(rank));
    }
    Some(revoked)
}

/// Puts a list that another edge has handed on into its place; answers false where it is not newer than the list that is there, or
/// is not the version `told.0`. `told.1` is its file, on the same disk. Where somebody else changes campaigns at the moment
/// nothing is done.
///
/// # Errors
/// One of the lists is not believed, or a file cannot be written.
pub fn take_over(
    dir: &Path,
    name: &CampaignName,
    key: &Key,
    signers: &KeySet,
    told: (&[u8; 32], &Path),
) -> Result<bool, AddError> {
    let (version, file) = told;
    let alone = File::open(dir).map_err(|source| LoadError::Io { path: dir.to_owned(), source })?;
    if matches!(alone.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(false);
    }
    let campaign = load_list(file, name, key, signers)?;
    let place = list_file(dir, name);
    let old = place.exists().then(|| load(dir, name, key, signers)).transpose()?;
    if campaign.version() != version || !old.as_ref().is_none_or(|old| is_newer(&campaign, &old.campaign)) {
        return Ok(false);
    }
    let revoked = old.and_then(|old| carried_over(&old, &campaign));
    fs::rename(file, &place).map_err(|source| SaveError::Io { path: place, source })?;
    if let Some(revoked) = revoked {
        save_revoked(dir, name, &revoked)?;
    }
    alone.sync_all().map_err(|source| SaveError::Io { path: dir.to_owned(), source })?;
    Ok(true)
}

/// True if a list counts instead of another one of its campaign. Lists that do not say when they were made replace none.
fn is_newer(list: &Campaign, other: &Campaign) -> bool {
    list.made_at_ms() > 0 && (list.made_at_ms(), list.version()) > (other.made_at_ms(), other.version())
}

/// Waits until nobody else changes campaigns of this directory; they wait until the file is dropped. A network's file system may
/// have no locks of directories; then nobody waits.
///
/// # Errors
/// The directory cannot be made or opened.
pub fn lock(dir: &Path) -> io::Result<File> {
    fs::create_dir_all(dir)?;
    let alone = File::open(dir)?;
    _ = alone.lock();
    Ok(alone)
}

/// Adds to the revoked codes of a list what is told of it, unless the campaign has another list by now. Where somebody else changes
/// campaigns at the moment nothing is added.
///
/// # Errors
/// The list cannot be loaded, or the file cannot be written.
pub fn add_revoked(
    dir: &Path,
    name: &CampaignName,
    key: &Key,
    signers: &KeySet,
    told: (&[u8; 32], &[u8]),
) -> Result<(), AddError> {
    let (list, bits) = told;
    let alone = File::open(dir).map_err(|source| LoadError::Io { path: dir.to_owned(), source })?;
    if matches!(alone.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(());
    }
    let Loaded { campaign, mut revoked } = load(dir, name, key, signers)?;
    if campaign.version() == list && revoked.unite(bits) {
        save_revoked(dir, name, &revoked)?;
    }
    Ok(())
}

/// Why nothing was taken over from another edge.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The campaign cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file cannot be written.
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// The first campaign of an edge makes the directory.
fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    replace_file(path, bytes)
}
