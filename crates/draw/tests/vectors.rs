//! The test vectors of `DRAW.md`.

use fairgate_draw::{Descriptor, Hash, RootHasher, RosterTreeBuilder, Shuffle, ZERO, commitment, entry, seed};

const DESCRIPTOR: &str = r#"{"beacon":null,"commitment":"2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6","opens_at_ms":1764579600000,"room":"vector","starts_at_ms":1764581400000,"version":"fairgate/v1"}"#;

fn counting() -> Hash {
    std::array::from_fn(|i| i as u8)
}

fn descriptor() -> Descriptor {
    Descriptor {
        beacon: None,
        commitment: commitment(&counting()),
        opens_at_ms: 1_764_579_600_000,
        room: "vector".into(),
        starts_at_ms: 1_764_581_400_000,
    }
}

fn roster() -> Vec<Hash> {
    (0..7).map(|k| entry(&descriptor().digest(), &[k; 16], &ZERO)).collect()
}

#[test]
fn commitment_and_descriptor() {
    assert_eq!(
        hex::encode(commitment(&counting())),
        "2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6"
    );
    assert_eq!(descriptor().canonical_json(), DESCRIPTOR);
    assert_eq!(Descriptor::parse(DESCRIPTOR).unwrap(), descriptor());
    assert_eq!(hex::encode(descriptor().digest()), "e721461feb172d9be665ba3fbd67ddac9a66fc3c25d22cd6f349f45eae309ceb");
}

#[test]
fn entries_and_root() {
    let roster = roster();
    assert_eq!(hex::encode(roster[0]), "cec9e21b21765c68ffd339430a91215608fa81cc063c202cf4507bf1d3ee6d1a");
    assert_eq!(hex::encode(roster[1]), "acf982b533d56e4e1363bfd3c11523f95df2fd4c0729e5585c82736e0c847c0e");
    assert_eq!(hex::encode(roster[6]), "a73f41177264222a999be8fd35f29092105d9077f89d1bcbff7ebea255efc2ff");

    let (mut hasher, mut tree) = (RootHasher::new(), RosterTreeBuilder::new());
    roster.iter().for_each(|entry| (hasher.push(entry), tree.push(entry)).1);
    let (entries, root) = hasher.finish();
    assert_eq!(entries, 7);
    assert_eq!(hex::encode(root), "a40655b8763e6b545a13440dd4cfc1ce8e5933bdc76320b5baf044392c3167c3");
    assert_eq!(tree.finish().root(), root);
}

#[test]
fn seed_and_places() {
    let mut hasher = RootHasher::new();
    roster().iter().for_each(|entry| hasher.push(entry));
    let (entries, root) = hasher.finish();
    let seed = seed(&descriptor().digest(), entries, &root, &counting(), &ZERO);
    assert_eq!(hex::encode(seed), "7dad15fc70cc42ee0ff34097ed8eed6205a25821a0bd2d4c0eab2631d60b6493");
    assert_eq!(Shuffle::new(&seed, 7).all_places().unwrap(), [2, 4, 3, 0, 6, 1, 5]);
}

#[test]
fn places_of_ten() {
    let shuffle = Shuffle::new(&counting(), 10);
    assert_eq!(shuffle.all_places().unwrap(), [8, 9, 5, 0, 4, 3, 2, 7, 1, 6]);
    assert!((0..10).map(|i| shuffle.place(i).unwrap()).eq([8, 9, 5, 0, 4, 3, 2, 7, 1, 6]));
}

#[test]
fn places_of_fourteen_million() {
    let expected = [565_063, 4_988_726, 10_970_996, 4_354_573, 11_728_609];
    let shuffle = Shuffle::new(&counting(), 14_000_000);
    assert!((0..5).map(|i| shuffle.place(i).unwrap()).eq(expected));
    let places = shuffle.all_places().unwrap();
    assert!(places[..5].iter().map(|&place| u64::from(place)).eq(expected));
    for index in (0..14_000_000).step_by(99_991) {
        assert_eq!(shuffle.place(index), Some(u64::from(places[index as usize])), "index {index}");
    }
}
