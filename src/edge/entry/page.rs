//! What the waiting page has to know of what a room asks: the frames that it may show, and the forms of visitors
//! without scripts.

use fairgate_entry::policy::WayKind;
use fairgate_entry::provider::ProviderKind;
use fairgate_entry::way::WayName;

use crate::config::RoomConfig;
use crate::page::{EntryPage, FormWay, Provider};

/// What a room's page has of entering.
pub(crate) fn entry_page(room: &RoomConfig) -> EntryPage {
    let policy = &room.entry.policy;
    let lists = [policy.any_of(), policy.all_of(), policy.suspicious(), policy.claim()];
    let is_named = |way: &WayName| lists.iter().any(|names| names.contains(way));
    let providers = room.entry.providers.iter().filter(|provider| is_named(&provider.way.name));
    let providers = providers.map(|provider| match provider.way.kind {
        ProviderKind::Turnstile => Provider::Turnstile,
        ProviderKind::Hcaptcha => Provider::HCaptcha,
        ProviderKind::Recaptcha => Provider::ReCaptcha,
    });
    let form = |way: &WayName| match policy.kind(way)? {
        WayKind::Code { .. } => Some(FormWay::Code),
        WayKind::Mail => Some(FormWay::Mail),
        WayKind::Work => Some(FormWay::Wait),
        WayKind::Oidc { .. } => Some(FormWay::SignIn { name: way.to_string(), label: way.to_string() }),
        WayKind::Challenge | WayKind::PrivateToken | WayKind::Shop => None,
    };
    EntryPage {
        providers: providers.collect(),
        forms: policy.all_of().iter().chain(policy.any_of()).filter_map(form).collect(),
    }
}
