//! `[[room.tier]]`: who stands in line before whom, and in what proportion. A room that has tiers, or asks for identities,
//! draws by `fairgate/v2`.

use fairgate_core::room::Rules;
use fairgate_draw::v2::{Method, Methods, Tier, Tiers, is_name};

use super::draw::BeaconConfig;
use super::label::Label;
use super::reader::Section;

/// The tier of a room that asks for identities and names no tiers.
const EVERYONE: &str = "everyone";
const TIERS_REMEDY: &str = "give the first tier band 0 and each next one the same band or one more, each a share of 1 to 1000 \
     and a name of its own, of 1 to 32 of a-z, 0-9 and -";

/// One tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierConfig {
    /// What the descriptor says of it.
    pub tier: Tier,
    /// What fans read; its name where nothing was written.
    pub label: Option<Label>,
}

impl TierConfig {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let name = section.require("name", r#""members""#);
        let band: u16 = section.get_or("band", 0);
        let share = section.get_or("share", 1);
        let label = section.get("label");
        let band = u8::try_from(band).ok();
        section.check(band.is_some(), "band", "is beyond any number of tiers", TIERS_REMEDY);
        Some(Self { tier: Tier { band: band?, name: name?, share }, label })
    }
}

/// The names of tiers, in order of their indexes.
pub(super) fn names(tiers: &[TierConfig]) -> Vec<String> {
    tiers.iter().map(|tier| tier.tier.name.clone()).collect()
}

/// What a draw's rules follow from, beside its tiers.
pub(super) struct Asked<'a> {
    /// The methods of identity, as the descriptor has them.
    pub(super) identity: &'a [String],
    /// True if codes let in: the store counts their uses, which only a draw with rules does.
    pub(super) has_codes: bool,
    /// How many fans are expected.
    pub(super) expected: u64,
    /// The room's witness time, ms.
    pub(super) witness_ms: u64,
}

/// The beacon of a room's draw, and its rules, which it has with tiers, identities or codes. The section is the room's.
pub(super) fn read_draw(
    section: &Section<'_>,
    room: Option<&str>,
    tiers: Option<&[TierConfig]>,
    asked: &Asked<'_>,
) -> Option<(Option<BeaconConfig>, Option<Rules>)> {
    // What does not fit is no reason to think that the room has none.
    let has_rules = tiers.is_none_or(|tiers| !tiers.is_empty()) || !asked.identity.is_empty() || asked.has_codes;
    let beacon = section.section("draw", |section| BeaconConfig::read(section, asked.witness_ms, has_rules))?;
    let rules = if has_rules { Some(read_rules(section, room, tiers?, asked, beacon.as_ref())?) } else { None };
    Some((beacon, rules))
}

fn read_rules(
    section: &Section<'_>,
    room: Option<&str>,
    tiers: &[TierConfig],
    asked: &Asked<'_>,
    beacon: Option<&BeaconConfig>,
) -> Option<Rules> {
    section.check(
        room.is_none_or(is_name),
        "name",
        "is too long for a draw with tiers or identities",
        "use 1 to 32 of a-z, 0-9 and -",
    );
    let methods = methods(asked.identity).map_err(|what| section.problem("entry", what, "write each method once"));
    let tiers = self::tiers(tiers).map_err(|what| section.problem("tier", what, TIERS_REMEDY));
    let (identity, tiers) = (methods.ok()?, tiers.ok()?);
    let retry = beacon.map(|beacon| beacon.retry_rounds);
    let rules = Rules { identity, tiers, retry, expected: asked.expected };
    let most = Rules::tiers_max(rules.asks_identity());
    section.check(
        rules.tiers.len() <= most,
        "tier",
        format!("there are {} tiers, and a room that asks for an identity has at most {most}", rules.tiers.len()),
        "put tiers together",
    );
    Some(rules)
}

fn tiers(tiers: &[TierConfig]) -> Result<Tiers, String> {
    let everyone = Tier { band: 0, name: EVERYONE.to_owned(), share: 1 };
    let tiers = if tiers.is_empty() { vec![everyone] } else { tiers.iter().map(|tier| tier.tier.clone()).collect() };
    Tiers::new(tiers).map_err(|error| error.to_string())
}

/// Methods of identity as the descriptor has them: ascending, each once.
fn methods(names: &[String]) -> Result<Methods, String> {
    let methods: Result<Vec<Method>, _> = names.iter().map(Method::new).collect();
    let mut methods = methods.map_err(|error| error.to_string())?;
    methods.sort_unstable();
    Methods::new(methods).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fairgate_draw::v2;

    use crate::config::{Config, Label};

    fn parse(lines: &str) -> Result<Config, String> {
        let text = format!(
            "[edge]\n[[upstream]]\nname = \"shop\"\naddress = \"127.0.0.1:1\"\n[[room]]\nname = \"final\"\nupstream = \"shop\"\n\
             opens_at = \"2026-12-01T09:30:00Z\"\nstarts_at = \"2026-12-01T10:00:00Z\"\nadmission.rate_per_minute = 600\n{lines}"
        );
        Config::parse(&text, Path::new("test.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_room_without_tiers_has_no_rules() {
        assert_eq!(parse("").unwrap().rooms[0].rules, None);
    }

    #[test]
    fn tiers_are_read_in_order_with_what_fans_read() {
        let lines = "[[room.tier]]\nname = \"members\"\nlabel = { en = \"Members\", de = \"Mitglieder\" }\n\
                     [[room.tier]]\nname = \"fans\"\nband = 1\nshare = 3\nlabel = \"Fans\"\n\
                     [[room.tier]]\nname = \"public\"\nband = 1\n[room.draw]\nbeacon = \"quicknet\"\nretry = \"1m\"\n";
        let config = parse(lines).unwrap();
        let room = &config.rooms[0];
        let rules = room.rules.clone().unwrap();
        let tier = |band, name: &str, share| v2::Tier { band, name: name.into(), share };
        assert_eq!(*rules.tiers, [tier(0, "members", 1), tier(1, "fans", 3), tier(1, "public", 1)]);
        assert_eq!((rules.retry, rules.asks_identity()), (Some(20), false));
        let labels: Vec<_> = room.tiers.iter().map(|tier| tier.label.clone()).collect();
        assert!(matches!(&labels[0], Some(Label::ByLanguage(labels)) if labels["de"] == "Mitglieder"));
        assert_eq!(labels[1..], [Some(Label::One("Fans".into())), None]);
    }

    #[test]
    fn mistakes_are_told_with_their_key_and_a_remedy() {
        let members = "[[room.tier]]\nname = \"members\"\n";
        for (lines, told) in [
            (&*format!("{members}band = 1\n"), "room[final].tier: tiers: the band of tier 0 is 1"),
            (&*format!("{members}share = 0\n"), "tiers: the share of tier 0 is 0"),
            (&*format!("{members}{members}"), "tiers: two are named \"members\""),
            (&*format!("{members}label = \"\"\n"), "room[final].tier[members].label: cannot be shown to fans"),
            (
                &*format!("{members}[room.draw]\nbeacon = \"quicknet\"\nfallback = \"1m\"\n"),
                "room[final].draw.fallback:",
            ),
            ("[room.draw]\nbeacon = \"quicknet\"\nretry = \"1m\"\n", "room[final].draw.retry:"),
        ] {
            let error = parse(lines).unwrap_err();
            assert!(error.contains(told), "{told}:\n{error}");
        }
    }
}
