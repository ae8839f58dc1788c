//! The test vectors of `DRAW-TIERS.md`.

use fairgate_draw::v2::{
    Deal, Descriptor, FrozenTier, Identity, IdentityKey, Lot, Method, NO_TAG, Nonce, Places, Tag, TierHasher, entry,
    seed, tag, tier_seed,
};
use fairgate_draw::{BeaconSignature, Hash, RosterTreeBuilder, Shuffle, ZERO, commitment};

const COMMITTED: &str = r#"{"beacon":null,"commitment":"2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6","identity":["oidc:https://id.example"],"opens_at_ms":1764579600000,"room":"vector","starts_at_ms":1764581400000,"tiers":[{"band":0,"name":"members","share":1},{"band":1,"name":"fans","share":3},{"band":1,"name":"public","share":1}],"version":"fairgate/v2"}"#;
const WITH_BEACON: &str = r#"{"beacon":{"chain":"52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971","public_key":"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a","retry":10,"round":990,"scheme":"bls-unchained-g1-rfc9380"},"commitment":"2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6","identity":["oidc:https://id.example"],"opens_at_ms":1692804600000,"room":"vector","starts_at_ms":1692806330000,"tiers":[{"band":0,"name":"members","share":1},{"band":1,"name":"fans","share":3},{"band":1,"name":"public","share":1}],"version":"fairgate/v2"}"#;
const EVERYONE: &str = r#"{"beacon":null,"commitment":"2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6","identity":[],"opens_at_ms":1764579600000,"room":"vector","starts_at_ms":1764581400000,"tiers":[{"band":0,"name":"everyone","share":1}],"version":"fairgate/v2"}"#;

/// The key of all identities here.
const KEY: [u8; 32] = [0x42; 32];

/// What the vectors say of a tier.
struct Expected {
    root: &'static str,
    tags_root: &'static str,
    first_tag: &'static str,
    first_entry: &'static str,
    seed: &'static str,
    places: &'static [u64],
}

fn counting() -> Hash {
    std::array::from_fn(|i| i as u8)
}

/// A descriptor as its text gives it, whose digest is known.
fn descriptor(text: &str, digest: &str) -> Descriptor {
    let descriptor = Descriptor::parse(text).unwrap();
    assert_eq!(descriptor.canonical_json(), text);
    assert_eq!(hex::encode(descriptor.digest()), digest);
    assert_eq!(descriptor.commitment, commitment(&counting()));
    descriptor
}

/// The rosters and their tags: subjects and random bytes are counted through the tiers.
fn rosters(descriptor: &Descriptor, entries: &[u64]) -> Vec<Vec<(Hash, Tag)>> {
    let digest = descriptor.digest();
    let key = IdentityKey::new(&KEY, &digest);
    let mut fans = 0_u8..;
    let mut fan = |tier: u8| {
        let number = fans.next().unwrap();
        let person = Identity::new(Method::oidc("https://id.example").unwrap(), &format!("user-{number}")).unwrap();
        let tag = if descriptor.has_identities() { tag(&key, &person) } else { NO_TAG };
        (entry(&digest, tier, Nonce::of(&[number; 16]), &tag), tag)
    };
    (0..).zip(entries).map(|(tier, &entries)| (0..entries).map(|_| fan(tier)).collect()).collect()
}

fn freeze(descriptor: &Descriptor, roster: &[(Hash, Tag)]) -> FrozenTier {
    let mut hasher = TierHasher::new(descriptor.has_identities());
    roster.iter().for_each(|(entry, tag)| hasher.push(entry, tag));
    hasher.finish()
}

/// Everything that follows from a descriptor, the roster's sizes and a beacon.
#[track_caller]
fn assert_draw(descriptor: &Descriptor, beacon: &Hash, seed_hex: &str, tiers: &[Expected]) {
    let sizes: Vec<u64> = tiers.iter().map(|tier| tier.places.len() as u64).collect();
    let rosters = rosters(descriptor, &sizes);
    let frozen: Vec<FrozenTier> = rosters.iter().map(|roster| freeze(descriptor, roster)).collect();
    let seed = seed(&descriptor.digest(), &frozen, &counting(), beacon);
    assert_eq!(hex::encode(seed), seed_hex);
    let lot = |(tier, &entries): (&fairgate_draw::v2::Tier, &u64)| Lot { band: tier.band, share: tier.share, entries };
    let lots: Vec<Lot> = descriptor.tiers.iter().zip(&sizes).map(lot).collect();
    let places = Places::new(&seed, &lots).unwrap();
    for (t, expected) in (0..).zip(tiers) {
        let (roster, frozen) = (&rosters[usize::from(t)], frozen[usize::from(t)]);
        assert_eq!(hex::encode(frozen.root), expected.root, "tier {t}");
        assert_eq!(hex::encode(frozen.tags_root), expected.tags_root, "tier {t}");
        assert_eq!(hex::encode(roster[0].0), expected.first_entry, "tier {t}");
        assert_eq!(hex::encode(roster[0].1), expected.first_tag, "tier {t}");
        assert_eq!(hex::encode(tier_seed(&seed, t)), expected.seed, "tier {t}");
        let of_tier: Vec<u64> = (0..frozen.entries).map(|index| places.place(t, index).unwrap()).collect();
        assert_eq!(of_tier, expected.places, "tier {t}");
    }
}

#[test]
fn a_committed_draw() {
    let descriptor = descriptor(COMMITTED, "22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6");
    let beacon = ZERO;
    let tiers = [
        Expected {
            root: "d363fcd1f7ad840f19911ce41eee92ff0b041e066d0f65d419a361dd37fe7b3a",
            tags_root: "c6021cecb6554aa22fa83be6751372013e0b82dd7fa21e2e9098847d6d8bd6fd",
            first_tag: "0554622971da338e938f1eff14a8060c",
            first_entry: "9373029ee9549d246e66fb6dd6b42885f36ea35a1ef733e5fdf76e22c50038d6",
            seed: "6f7b1aa5c4a1cbb3ccbf49c85aafeb391bc7407dff954c41c326f6cff454e95d",
            places: &[1, 0, 2],
        },
        Expected {
            root: "a92a1725943771c047f15f7539c7df3f5c14d7c91447e5f9bfc5ad3a18b1a490",
            tags_root: "8c6da6ae4f9e303daef1e235e95f1efbccef21bef734039ed4d63a8cb6c425b2",
            first_tag: "b22abdba107c7e1f437c91f2a1935500",
            first_entry: "ee4f163fccf52af1a215ce8fe165b2d631b2003c4bec1ee1585ee5770b71c8a7",
            seed: "d85d85f8a1967f9b2a778e0bf33f31eac0823d5015f2ce95ea9b529f30fa0524",
            places: &[7, 4, 3, 5, 8],
        },
        Expected {
            root: "a8ffc094713e2fe70dc379bf3617e7db541de91640146a707c26c50d5b9f8983",
            tags_root: "da2342b82db734c718623c0a9a500008e78782edeec0475850dd70b6df47b683",
            first_tag: "37229f28219c54bfd9c8511041335c39",
            first_entry: "ac887ab9f0ad7b94f2586323571aa5fc9de4a382b06d2dc4d4fd0e90cbec3bac",
            seed: "4c8f0dccc4d13fcf5ea5e721443ad069b209e893d7891dcfbe5d940f165575a5",
            places: &[10, 6, 9, 11],
        },
    ];
    assert_draw(&descriptor, &beacon, "3c3cd6e4f13fd1ae7c31cda1c5de43000a5949814ecdf645aede3544f5a1e626", &tiers);
}

#[test]
fn a_draw_with_a_beacon_that_was_frozen_late() {
    let descriptor = descriptor(WITH_BEACON, "fdccfdd7c3b71f8c558e3075ff22d119bec327138c6069fca9fdf1f4a8c387f4");
    let round = descriptor.beacon.as_ref().unwrap().after_freeze(1_692_806_350_200).unwrap();
    assert_eq!((round.round, round.time_ms().unwrap()), (1000, 1_692_806_364_000));
    let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
    let signature = BeaconSignature(hex::decode(signature).unwrap().try_into().unwrap());
    let beacon = round.randomness(&signature).unwrap();
    let tiers = [
        Expected {
            root: "86aab5519774418e79f1ff3c3ab6585c35b7dd01ea185a382db6b52d56040ab6",
            tags_root: "9f01ea2a3bd86a7988f53804be6e5b704ac1ef5ad4f9271d49ff6d3f35a6a870",
            first_tag: "50093d530c5eaadab8240863477933f8",
            first_entry: "22fad88c9db44c3b6d2b2321ba4f9936f61234e5fbe8ea547dad9ba03af0b0c4",
            seed: "bd9215341fc747d6a66f2919c3a2bf7194e22f83340746392fa6a5f26a028099",
            places: &[0, 1, 2],
        },
        Expected {
            root: "754fbdd0720523a503a07905ac507d42777017a377d3424a1e51affa76aacc74",
            tags_root: "378e0c4104e3fdd669809a8f13703af0dc500112d16834d5cd5921ba122eacd6",
            first_tag: "53ef5af505d18e2a258e0987c871ddd1",
            first_entry: "547ca8d1f168979dfb92e35c59d711775f12f9fe1824ae5fa694e648795054de",
            seed: "4d05b23b9e64b13bd6bd02bb5737a53c1ffd55643ccaa978e7150e2f81548ee5",
            places: &[4, 7, 5, 8, 3],
        },
        Expected {
            root: "ba938719469d3a6d041269562329a1d87b04b0c26fbf2c55365ad3a6b561d794",
            tags_root: "674d7982ad10235fcbda7cc36677492093cb08b38744eb337fe7ed00de0dc045",
            first_tag: "b4cb975b7641da8c4d0c38c7a4678ed5",
            first_entry: "8b89fd64b45bac14f69571129b1d81603a0e15814604409ffbaa68f5643c4174",
            seed: "8b553ce955ae66e907398cc9cfc3d27533cda63b2d0356a824da233165c6a8b1",
            places: &[9, 10, 11, 6],
        },
    ];
    assert_draw(&descriptor, &beacon, "ac2566457e13a9ca043d01ffce29c7ebf0fa42aee53e510302c3518008397d91", &tiers);
}

#[test]
fn a_draw_without_identities() {
    let descriptor = descriptor(EVERYONE, "d6de11c24db2862b4d384781a96c68958a62bbdd47bed109202756fa4ad75af4");
    let beacon = ZERO;
    let tiers = [Expected {
        root: "861c34528d55c9a9e98022148d6e3d94b8c775d99c2c0959219f0b10d29c71fb",
        tags_root: "0000000000000000000000000000000000000000000000000000000000000000",
        first_tag: "00000000000000000000000000000000",
        first_entry: "ebb298bc85310e77104a17afe94ce3b0a04788d963d40273ae72e14a565f8386",
        seed: "8ed85419c9a61536a82d5966c09d4b0d6181577e732af6f009abe4ff470105d0",
        places: &[5, 3, 6, 2, 4, 1, 0],
    }];
    assert_draw(&descriptor, &beacon, "d6a21cf32a9d2e165a6edd96f93793e3aa5745e70366c6a82e78f017a242ca5f", &tiers);
}

#[test]
fn a_nonce_hides_what_it_is_made_of() {
    assert_eq!(hex::encode(Nonce::of(&[0; 16]).0), "1ffc5f7020b9273e35debe630341c9bc");
}

#[test]
fn a_tree_of_tags_proves_a_tag_at_its_index() {
    let descriptor = Descriptor::parse(COMMITTED).unwrap();
    let roster = &rosters(&descriptor, &[3, 5, 4])[1];
    let mut tree = RosterTreeBuilder::new();
    roster.iter().for_each(|(_, tag)| tree.push(tag));
    let tree = tree.finish();
    assert_eq!(tree.root(), freeze(&descriptor, roster).tags_root);
    let tags: Vec<Tag> = roster.iter().map(|(_, tag)| *tag).collect();
    let proof = tree.proof(4, &tags).unwrap();
    assert!(proof.verify(&tags[4], &tree.root()));
    assert!(!proof.verify(&tags[3], &tree.root()));
}

fn lots(lots: &[(u8, u16, u64)]) -> Vec<Lot> {
    lots.iter().map(|&(band, share, entries)| Lot { band, share, entries }).collect()
}

#[test]
fn places_of_fourteen_million_in_three_tiers() {
    let lots = lots(&[(0, 1, 3_500_000), (1, 3, 2_000_000), (1, 1, 8_500_000)]);
    let places = Places::new(&counting(), &lots).unwrap();
    let expected =
        [[1_687_708, 2_856_856, 2_553_853], [5_938_616, 5_958_145, 5_704_260], [12_039_165, 13_552_188, 8_477_410]];
    for (tier, expected) in (0..).zip(expected) {
        assert_eq!([0, 1, 2].map(|index| places.place(tier, index).unwrap()), expected);
        assert_eq!(expected.map(|place| places.entry_at(place).unwrap()), [0, 1, 2].map(|index| (tier, index)));
    }
}

#[test]
fn a_band_is_dealt_until_its_tiers_have_none_left() {
    let lots = lots(&[(0, 1000, 3), (0, 1, 2), (0, 3, 0), (0, 3, 4), (1, 2, 1)]);
    let deal = Deal::new(&lots).unwrap();
    let expected: [&[u64]; 5] = [&[0, 1, 2], &[5, 8], &[], &[3, 4, 6, 7], &[9]];
    for ((tier, lot), expected) in (0..).zip(&lots).zip(expected) {
        let places: Vec<u64> = (0..lot.entries).map(|j| deal.place(tier, j).unwrap()).collect();
        assert_eq!(places, expected, "tier {tier}");
    }
}

#[test]
fn the_largest_tiers_are_dealt_exactly() {
    let n = (1 << 40) - 1;
    let deal = Deal::new(&lots(&[(0, 1000, n), (0, 999, n)])).unwrap();
    let expected = [[0, 1996, 1_098_961_871_963, 2_197_923_743_921], [1, 1998, 1_100_061_933_897, 2_199_023_255_549]];
    for (tier, expected) in (0..).zip(expected) {
        let ranks = [0, 998, 1 << 39, n - 1];
        assert_eq!(ranks.map(|j| deal.place(tier, j).unwrap()), expected);
        assert_eq!(expected.map(|place| deal.holder(place).unwrap()), ranks.map(|j| (tier, j)));
    }
}

#[test]
fn the_largest_tier_is_shuffled() {
    let n = (1 << 40) - 1;
    let shuffle = Shuffle::new(&counting(), n);
    let places = [0, 1, n - 1].map(|index| shuffle.place(index).unwrap());
    assert_eq!(places, [476_614_242_268, 523_681_526_631, 604_168_906_874]);
}
