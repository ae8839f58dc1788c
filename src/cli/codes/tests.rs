//! Campaigns as organizers make, import and revoke them.

use std::fs;
use std::path::Path;

use fairgate_entry::code::Code;
use fairgate_entry::keys::{IdentityKey, Purpose};
use fairgate_telemetry::entropy;
use fairgate_token::KeyRing;
use serde_json::json;
use tempfile::TempDir;

use super::directory::ISSUER;
use super::import::import;
use super::new::new;
use super::revoke::revoke;
use super::show::show;
use super::*;
use crate::codes::{Loaded, list_file};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A directory of campaigns with keys of its own.
struct World {
    dir: TempDir,
    codes: Dir,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fairgate_token::create_key(&dir.path().join("keys"), 0, &entropy::system()).unwrap();
        let codes = Self::open(&dir, KEY);
        Self { dir, codes }
    }

    fn open(dir: &TempDir, key: &str) -> Dir {
        let key = IdentityKey::from_hex(key).unwrap().derive(Purpose::Codes);
        let signer = KeyRing::load(&dir.path().join("keys"), ISSUER).unwrap();
        Dir { path: dir.path().join("codes"), key, signer }
    }

    fn file(&self, name: &str, text: &str) -> ListArgs {
        let file = self.dir.path().join(name);
        fs::write(&file, text).unwrap();
        ListArgs { file, column: None, header: false }
    }

    fn import(&self, campaign: &str, text: &str, weak: bool, others: &Others) -> Result<String, String> {
        let mut out = Vec::new();
        let list = self.file("list.csv", text);
        import(&self.codes, &name(campaign), &list, weak, others, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn make(&self, campaign: &str, count: usize) -> Vec<String> {
        let file = self.dir.path().join(format!("{campaign}.csv"));
        new(&self.codes, &name(campaign), count, &file, &none(), &mut Vec::new()).unwrap();
        fs::read_to_string(file).unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    fn revoke(&self, campaign: &str, text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        let list = self.file("revoke.csv", text);
        revoke(&self.codes, &name(campaign), &list, &mut out).map_err(|error| format!("{error:#}"))?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn show(&self, campaign: Option<&str>, json: bool) -> String {
        let mut out = Vec::new();
        show(&self.codes, campaign.map(name), json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn has(&self, campaign: &str, code: &str) -> bool {
        let Loaded { campaign: list, revoked } = self.codes.load(&name(campaign)).unwrap();
        let rank = list.rank(self.codes.fingerprinter(&name(campaign)).of(&Code::read(code).unwrap()));
        rank.is_some_and(|rank| !revoked.contains(rank))
    }
}

fn name(text: &str) -> CampaignName {
    CampaignName::new(text).unwrap()
}

fn none() -> Others {
    Others { apart_from: Vec::new(), replace: false }
}

fn replacing() -> Others {
    Others { apart_from: Vec::new(), replace: true }
}

#[test]
fn new_codes_are_written_once_and_found_in_their_campaign() {
    let world = World::new();
    let codes = world.make("spring", 300);
    assert_eq!(codes.len(), 300);
    assert!(codes.iter().all(|code| code.len() == 14 && Code::read(code).unwrap().is_checked()));
    assert!(codes.iter().all(|code| world.has("spring", code)));
    assert_eq!(world.show(None, false).split(", version").next(), Some("spring: 300 codes (made), 0 revoked"));
    let mode =
        |file: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions()) & 0o777;
    assert_eq!(mode(&world.dir.path().join("spring.csv")), 0o600);
    assert_eq!(mode(&list_file(&world.codes.path, &name("spring"))), 0o600);
    let again = new(&world.codes, &name("spring"), 1, &world.dir.path().join("b.csv"), &none(), &mut Vec::new());
    assert!(again.unwrap_err().to_string().contains("is there already"));
    let file = world.dir.path().join("spring.csv");
    let taken = new(&world.codes, &name("autumn"), 1, &file, &none(), &mut Vec::new());
    assert!(format!("{:#}", taken.unwrap_err()).contains("name a new file"), "no list of codes is overwritten");
}

#[test]
fn a_list_of_ones_own_is_imported_as_spreadsheets_write_it() {
    let world = World::new();
    let text = "\u{feff}Code;Name\r\nK7Q2M9XWPA4R;Ada\r\n\r\n\"3FHT8B5C2MNE\";\"Bob; Jr.\"\r\nQ4ZX-7YHN-K2PD;\r\n";
    let said = world.import("own", text, false, &none()).unwrap();
    assert!(
        said.contains("3 codes") && said.contains("own, about") && said.contains("line 1 was taken for a header"),
        "{said}"
    );
    assert!(
        world.has("own", "k7q2 m9xw pa4r") && world.has("own", "3FHT8B5C2MNE") && !world.has("own", "AAAABBBBCCCC")
    );
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text[3..].encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let file = world.dir.path().join("utf16.csv");
    fs::write(&file, utf16).unwrap();
    let list = ListArgs { file, column: None, header: false };
    import(&world.codes, &name("own"), &list, false, &replacing(), &mut Vec::new()).unwrap();
    assert!(world.has("own", "Q4ZX-7YHN-K2PD"));
}

#[test]
fn every_mistake_of_a_list_is_told_and_changes_nothing() {
    let world = World::new();
    let text = "K7Q2M9XWPA4R\n3FHT8B5C2MNE\nshort\nk7q2-m9xw-pa4r\n1.2E+11\n";
    let said = world.import("own", text, false, &none()).unwrap_err();
    assert_eq!(said.matches("line ").count(), 2, "first what cannot be read: {said}");
    assert!(said.contains("line 3: has 5 letters") && said.contains("line 5: is a number"), "{said}");
    let twice = world.import("own", "K7Q2M9XWPA4R\n3FHT8B5C2MNE\nk7q2-m9xw-pa4r\n", false, &none()).unwrap_err();
    assert!(twice.contains("line 3: has the same code as line 1"), "{twice}");
    assert!(!twice.to_uppercase().contains("K7Q2"), "no code is repeated");
    let many: String = (0..50).map(|n| format!("no{n}\n")).collect();
    assert!(world.import("own", &many, false, &none()).unwrap_err().ends_with("and 30 more"));
    assert!(world.import("own", "\n\n", false, &none()).unwrap_err().contains("has no codes"));
    assert!(!list_file(&world.codes.path, &name("own")).exists());
}

#[test]
fn codes_that_can_be_guessed_need_the_word_for_it() {
    let world = World::new();
    let text: String = (0..100).map(|n| format!("SUMMER-{n:04}\n")).collect();
    let said = world.import("own", &text, false, &none()).unwrap_err();
    assert!(said.contains("about 7 bits") && said.contains("--weak"), "{said}");
    let said = world.import("own", &text, true, &none()).unwrap();
    assert!(said.contains("own, weak"), "{said}");
    let digits = "1234567890123\n123456789012\n9876543210987\n";
    let said = world.import("digits", digits, true, &none()).unwrap();
    assert!(said.contains("numbers of 12 to 13 digits"), "{said}");
}

#[test]
fn a_code_of_another_campaign_is_refused_unless_no_room_has_both() {
    let world = World::new();
    let made = world.make("spring", 3);
    let text = format!("{}\n{}\n", made[1], "7H3K-Q9XW-2MVK");
    let said = world.import("autumn", &text, false, &none()).unwrap_err();
    assert!(said.contains("line 1: stands in campaign spring as well") && !said.contains("line 2"), "{said}");
    let apart = Others { apart_from: vec![name("spring")], replace: false };
    let said = world.import("autumn", &text, false, &apart).unwrap();
    assert!(said.contains("made by fairgate"), "both have a check character: {said}");
}

#[test]
fn revoked_codes_stay_revoked_when_the_list_is_replaced() {
    let world = World::new();
    let made = world.make("spring", 20);
    let said = world.revoke("spring", &format!("{}\n{}\n", made[3], made[7])).unwrap();
    assert_eq!(said, "spring: 2 codes revoked, 0 were already; 2 of 20 no longer count\n");
    assert!(world.revoke("spring", &made[3]).unwrap().contains("0 codes revoked, 1 were already"));
    assert!(!world.has("spring", &made[3]) && world.has("spring", &made[4]));
    let unknown = world.revoke("spring", &format!("{}\n7H3K-Q9XW-2MVK\n", made[5])).unwrap_err();
    assert!(unknown.contains("line 2: is not in campaign spring") && world.has("spring", &made[5]), "{unknown}");
    let longer = format!("{}\n7H3K-Q9XW-2MVK\n", made.join("\n"));
    world.import("spring", &longer, false, &replacing()).unwrap();
    assert!(!world.has("spring", &made[3]) && !world.has("spring", &made[7]));
    assert!(world.has("spring", &made[4]) && world.has("spring", "7H3K-Q9XW-2MVK"));
    let shown: serde_json::Value = serde_json::from_str(&world.show(Some("spring"), true)).unwrap();
    assert_eq!((&shown["codes"], &shown["revoked"]), (&json!(21), &json!(2)));
    assert!(shown["made_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{shown}");
}

#[test]
fn what_was_made_with_another_key_or_damaged_is_refused() {
    let world = World::new();
    world.make("spring", 3);
    let stranger = World::open(&world.dir, &KEY.replace("00", "ff"));
    let refused = |dir: &Dir| format!("{:#}", dir.load(&name("spring")).unwrap_err());
    assert!(refused(&stranger).contains("made with another identity key"));
    let file = list_file(&world.codes.path, &name("spring"));
    let whole = fs::read(&file).unwrap();
    fs::copy(&file, world.codes.path.join("autumn.fgc")).unwrap();
    let other = world.codes.load(&name("autumn")).unwrap_err().to_string();
    assert!(other.contains("is the list of campaign spring"), "{other}");
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(refused(&world.codes).contains("has not the length"));
    fairgate_token::create_key(&world.dir.path().join("other"), 0, &entropy::system()).unwrap();
    let signer = KeyRing::load(&world.dir.path().join("other"), ISSUER).unwrap();
    fs::write(&file, whole).unwrap();
    let foreign = Dir { path: world.codes.path.clone(), key: world.codes.key.clone(), signer };
    assert!(refused(&foreign).contains("not signed by a key of this edge"));
}

#[test]
fn counts_are_written_as_people_write_them() {
    assert_eq!([count("20_000"), count("20,000"), count("1")], [Ok(20_000), Ok(20_000), Ok(1)]);
    assert!(count("0").is_err() && count("200000000").is_err() && count("many").is_err());
}
