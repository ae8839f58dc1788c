use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::vectors::key;

const SIGNATURE: &[u8] = b"signed by the edge";

pub(crate) fn code(number: u64) -> Code {
    let mut random = [0; 7];
    // Spread, as random codes are.
    random.copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[1..]);
    Code::make(random)
}

fn fingerprinter(campaign: &str) -> Fingerprinter {
    Fingerprinter::new(key(0x45), CampaignName::new(campaign).expect("a name"))
}

fn file(campaign: &str, codes: u64) -> Vec<u8> {
    file_made_at(0, campaign, codes)
}

fn file_made_at(made_at_ms: u64, campaign: &str, codes: u64) -> Vec<u8> {
    let mut builder = CampaignBuilder::new(fingerprinter(campaign), CodeKind::Made).made_at(made_at_ms);
    for number in 0..codes {
        builder.push(&code(number)).expect("a made code");
    }
    builder.finish(|_| SIGNATURE.to_vec()).expect("no code twice")
}

fn read(file: &[u8]) -> Result<Campaign, CampaignError> {
    Campaign::read(file, |_, signature| signature == SIGNATURE)
}

pub(crate) fn campaign(name: &str, codes: u64) -> Campaign {
    read(&file(name, codes)).expect("a list")
}

#[test]
fn every_code_has_its_rank_and_no_other_has_one() {
    for codes in [0, 1, 2, 7, 8, 9, 1000, 5000] {
        let list = campaign("spring", codes);
        let maker = fingerprinter("spring");
        assert_eq!((list.len() as u64, list.name().as_str(), list.kind()), (codes, "spring", CodeKind::Made));
        assert_eq!(list.is_empty(), codes == 0);
        let ranks: BTreeSet<u32> = (0..codes).map(|n| list.rank(maker.of(&code(n))).expect("a rank")).collect();
        assert_eq!(ranks.len() as u64, codes);
        assert_eq!(ranks.last().map(|last| u64::from(*last) + 1).unwrap_or(0), codes);
        assert!((0..list.len() as u32).all(|rank| list.fingerprint(rank).and_then(|own| list.rank(own)) == Some(rank)));
        assert_eq!(list.fingerprint(list.len() as u32), None);
        let strangers = (codes..codes + 1000).filter(|n| list.rank(maker.of(&code(*n))).is_some());
        assert_eq!(strangers.count(), 0);
        for edge in [0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1] {
            assert_eq!(list.rank(Fingerprint(edge)), None);
        }
    }
}

#[test]
fn the_ends_of_the_line_are_found() {
    let header = Header {
        kind: CodeKind::Own,
        campaign: CampaignName::new("ends").expect("a name"),
        count: 4,
        hash: [0; 32],
        made_at_ms: 0,
    };
    let list = Campaign::of(header, vec![0, 1, u64::MAX - 1, u64::MAX]);
    let rank = |number| list.rank(Fingerprint(number));
    assert_eq!([0, 1, u64::MAX - 1, u64::MAX].map(rank), [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!([2, u64::MAX - 2].map(rank), [None, None]);
}

#[test]
fn the_file_has_the_published_form() {
    let file = file("spring", 3);
    assert_eq!(file.len(), 84 + SIGNATURE.len() + 24);
    assert_eq!(&file[..12], b"FAIRCODE\x01\x00\x00\x12");
    assert_eq!(&file[12..44], [&b"spring"[..], &[0; 26]].concat());
    assert_eq!(&file[44..52], 3u64.to_be_bytes());
    assert_eq!(&file[84..102], SIGNATURE);
    let mut signed = Vec::new();
    Campaign::read(&file, |message, _| {
        signed = message.to_vec();
        true
    })
    .expect("a list");
    assert_eq!(signed, [&file[..10], &[0, 0], &file[12..84]].concat());
    let mut numbers: Vec<u64> = (0..3).map(|n| fingerprinter("spring").of(&code(n)).0).collect();
    numbers.sort_unstable();
    assert_eq!(file[102..], numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>());
}

#[test]
fn a_list_says_when_it_was_made_from_version_2_on() {
    let (old, file) = (file("spring", 3), file_made_at(0x0102_0304, "spring", 3));
    assert_eq!(&file[..12], b"FAIRCODE\x02\x00\x00\x12");
    assert_eq!(&file[84..92], [0, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!([&file[12..84], &file[92..]], [&old[12..84], &old[84..]], "all else is as it was");
    let mut signed = Vec::new();
    let list = Campaign::read(&file, |message, signature| {
        signed = message.to_vec();
        signature == SIGNATURE
    });
    assert_eq!(list.expect("a list").made_at_ms(), 0x0102_0304);
    assert_eq!(signed, [&file[..10], &[0, 0], &file[12..92]].concat(), "the time is signed");
    assert_eq!(campaign("spring", 3).made_at_ms(), 0);
    let without = [&file[..84], &[0; 8], &file[92..]].concat();
    assert_eq!(read(&without).map(|_| ()), Err(CampaignError::Header), "one list, one spelling");
}

#[test]
fn pieces_of_any_length_give_the_same_list() {
    for whole in [file("spring", 50), file_made_at(9, "spring", 50)] {
        for piece in [1, 3, 7, 8, 13, 84, 85, 92, 102, 103, 511] {
            let mut reader = CampaignReader::default();
            for part in whole.chunks(piece) {
                reader.push(part).expect("a piece");
            }
            let list = reader.finish(|_, _| true).expect("a list");
            assert_eq!((list.version(), list.len()), (campaign("spring", 50).version(), 50), "{piece}");
        }
    }
}

#[test]
fn what_is_damaged_is_told_apart() {
    let whole = file("spring", 3);
    let error = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = whole.clone();
        change(&mut file);
        read(&file).map(|_| ()).expect_err("damaged")
    };
    assert_eq!(error(&|file| file[0] = b'G'), CampaignError::Magic);
    assert_eq!(error(&|file| file[8] = 3), CampaignError::Version(3));
    assert_eq!(error(&|file| file[9] = 3), CampaignError::Header);
    assert_eq!(error(&|file| file[10..12].fill(0)), CampaignError::Header);
    assert_eq!(error(&|file| file[43] = b'x'), CampaignError::Header, "after the name's end");
    assert_eq!(error(&|file| file[12] = b'S'), CampaignError::Header);
    assert_eq!(error(&|file| file[44] = 1), CampaignError::TooMany);
    assert_eq!(error(&|file| file[51] = 2), CampaignError::Length);
    assert_eq!(error(&|file| file[51] = 4), CampaignError::Length);
    assert_eq!(error(&|file| file.truncate(120)), CampaignError::Length);
    assert_eq!(error(&|file| file.truncate(60)), CampaignError::Length);
    assert_eq!(error(&|file| file.push(0)), CampaignError::Length);
    assert_eq!(error(&|file| file[110] ^= 1), CampaignError::Hash);
    assert_eq!(error(&|file| file[90] ^= 1), CampaignError::Signature);
    assert_eq!(read(b"").map(|_| ()), Err(CampaignError::Length));
}

#[test]
fn a_list_that_does_not_ascend_is_refused_even_when_signed() {
    for numbers in [[2u64, 1], [1, 1]] {
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        let hash = crate::bond::sha256(&body);
        let campaign = CampaignName::new("spring").expect("a name");
        let header = Header { kind: CodeKind::Own, campaign, count: 2, hash, made_at_ms: 0 };
        let file = [&header.bytes(SIGNATURE.len() as u16)[..], SIGNATURE, &body].concat();
        assert_eq!(read(&file).map(|_| ()), Err(CampaignError::Order));
    }
}

#[test]
fn a_list_is_made_of_good_codes_each_once() {
    let made = |codes: &[&str], kind| {
        let mut builder = CampaignBuilder::new(fingerprinter("spring"), kind);
        for typed in codes {
            builder.push(&Code::read(typed).expect("a code"))?;
        }
        builder.finish(|_| SIGNATURE.to_vec()).map(|_| ())
    };
    let good = "7H3K-Q9XW-2MVK";
    assert_eq!(made(&[good], CodeKind::Made), Ok(()));
    assert_eq!(made(&[good, "7H3KQ9XW2MVJ"], CodeKind::Made), Err(CampaignError::Unchecked { nth: 2 }));
    assert_eq!(made(&["SUMMER-01", "SUMMER-02", "summer01"], CodeKind::Own), Err(CampaignError::Twice { nth: 3 }));
    assert_eq!(made(&["SUMMER-01", "SUMMER-02"], CodeKind::OwnWeak), Ok(()));
    let mut twice = CampaignBuilder::new(fingerprinter("spring"), CodeKind::Own);
    for typed in ["SUMMER-01", "SUMMER-02", "summer01", "SUMMER-03", "summer 02"] {
        twice.push(&Code::read(typed).expect("a code")).expect("pushed");
    }
    let mut doubles = twice.doubles(9);
    doubles.sort_unstable();
    assert_eq!((doubles, twice.doubles(1).len(), twice.campaign().as_str()), (vec![(1, 3), (2, 5)], 1, "spring"));
    let unsigned = |length| {
        let builder = CampaignBuilder::new(fingerprinter("spring"), CodeKind::Made);
        builder.finish(|_| vec![0; length]).map(|_| ())
    };
    assert_eq!([0, 1, 1024, 1025].map(|n| unsigned(n).is_ok()), [false, true, true, false]);
}

proptest! {
    #[test]
    fn any_bit_is_seen(codes in 1u64..5) {
        for (whole, header) in [(file("spring", codes), 84), (file_made_at(9, "spring", codes), 92)] {
            for bit in 0..8 * whole.len() {
                let mut other = whole.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                // The signature covers the header: here it is a fixed text, so what is signed is compared.
                let signed = |message: &[u8], signature: &[u8]| {
                    signature == SIGNATURE && message == [&whole[..10], &[0, 0], &whole[12..header]].concat()
                };
                prop_assert!(Campaign::read(&other, signed).is_err(), "bit {}", bit);
            }
        }
    }

    #[test]
    fn reading_anything_fails_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), magic: bool) {
        let start: &[u8] = if magic { b"FAIRCODE\x01\x00\x00\x02x" } else { b"" };
        let _ = read(&[start, &bytes].concat());
    }
}
