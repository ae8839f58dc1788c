//! One suite for every index, wherever it is kept: what `SearchIndex` promises.

use std::fs;
use std::path::Path;

use super::*;

/// Everything that is promised, of an index that is new.
async fn keeps_its_promises(index: Arc<dyn SearchIndex>) {
    assert_eq!(index.mark().await.expect("a mark"), None, "it is new");
    assert!(index.versions().await.expect("versions").is_empty());
    one_document_an_event(&*index).await;
    filters(&*index).await;
    order_and_pages(&*index).await;
    let ended = index.search(&Question::read("q=evening").expect("a question"), NOW_MS, Instant::now()).await;
    assert!(matches!(ended, Err(IndexError::Late)), "{ended:?}");
    index.clear(mark(9)).await.expect("cleared");
    assert_eq!(index.mark().await.expect("a mark"), Some(mark(9)));
    assert!(index.versions().await.expect("versions").is_empty() && ids(&*index, "").await.is_empty());
}

async fn one_document_an_event(index: &dyn SearchIndex) {
    index.apply(vec![event(1, "Alpha"), event(2, "Beta")], vec![], mark(3)).await.expect("taken over");
    assert_eq!(
        (ids(index, "q=alpha").await, ids(index, "q=beta").await),
        (vec![1], vec![2]),
        "found once it has returned"
    );
    let newer = EventDocument { version: 2, ..event(1, "Gamma") };
    index.apply(vec![newer.clone()], vec![2], mark(4)).await.expect("taken over");
    assert_eq!(index.mark().await.expect("a mark"), Some(mark(4)));
    assert_eq!(index.versions().await.expect("versions"), [(1, 2)].into());
    assert_eq!((ids(index, "q=alpha").await, ids(index, "q=beta").await), (vec![], vec![]));
    assert_eq!(ask(index, "q=gamma").await.events, [newer], "as it was given");
    // The same again changes nothing.
    index.apply(vec![event(1, "Gamma"), event(1, "Delta")], vec![77], mark(4)).await.expect("taken over");
    assert_eq!((ids(index, "q=gamma").await, ids(index, "q=delta").await), (vec![], vec![1]));
    index.apply(vec![], vec![1], mark(5)).await.expect("taken over");
}

async fn filters(index: &dyn SearchIndex) {
    let events = vec![
        EventDocument { city: "Köln".into(), position: Some((50.94, 6.96)), ..event(1, "Evening") },
        EventDocument { category: "theatre".into(), price_min: 500, price_max: 1_000, ..event(2, "Evening") },
        // Half past midnight in Auckland is the day before in UTC.
        EventDocument {
            zone: "Pacific/Auckland".into(),
            starts_at_ms: NOW_MS + 40 * DAY_MS + 41_400_000,
            ..event(3, "Evening")
        },
        EventDocument { starts_at_ms: NOW_MS - DAY_MS, ..event(4, "Evening") },
        EventDocument { published_at_ms: Some(NOW_MS + 1), ..event(5, "Evening") },
        EventDocument { published_at_ms: Some(NOW_MS), ..event(6, "Evening") },
    ];
    index.apply(events, vec![], mark(6)).await.expect("taken over");
    for (query, found) in [
        ("q=evening", vec![1, 2, 6, 3]),
        ("", vec![1, 2, 6, 3]),
        ("q=evening&city=koln", vec![1]),
        ("city=K%C3%96LN", vec![1]),
        ("city=kol", vec![]),
        ("category=theatre", vec![2]),
        ("price_max=1500", vec![2]),
        ("price_min=9001", vec![]),
        ("price_min=1000&price_max=1999", vec![2]),
        ("lat=50.9&lon=7.0&km=10", vec![1]),
        ("lat=50.9&lon=7.5&km=10", vec![]),
        ("from=2027-02-11&to=2027-02-11", vec![3]),
        ("from=2027-02-10&to=2027-02-10", vec![]),
        ("to=2026-12-31", vec![4]),
        ("from=2026-12-31&to=2026-12-31&q=evening", vec![4]),
    ] {
        assert_eq!(ids(index, query).await, found, "{query}");
    }
}

async fn order_and_pages(index: &dyn SearchIndex) {
    index.clear(mark(7)).await.expect("cleared");
    let events = (1..=45).map(|n| {
        let starts_at_ms = NOW_MS + i64::from(50 - n) * DAY_MS;
        EventDocument { starts_at_ms, price_min: u32::from(n % 7 == 0), ..event(n, "Evening") }
    });
    index.apply(events.collect(), vec![], mark(8)).await.expect("taken over");
    let mut seen = Vec::new();
    for page in 1..=4 {
        let found = ask(index, &format!("q=evening&page={page}")).await;
        assert_eq!((found.total, found.is_relaxed), (45, false));
        seen.extend(found.events.iter().map(|event| event.event_id));
    }
    assert_eq!(seen, (1..=45).rev().collect::<Vec<_>>(), "all once, the next one first");
    assert_eq!(
        ids(index, "sort=price&page=2").await[..19],
        (1..=45).rev().filter(|n| n % 7 != 0).collect::<Vec<_>>()[20..39]
    );
    assert_eq!(ids(index, "sort=date").await[0], 45);
}

#[tokio::test]
async fn an_index_in_memory_keeps_its_promises() {
    keeps_its_promises(Arc::new(TantivyIndex::in_memory().expect("an index"))).await;
}

fn open(directory: &Path) -> TantivyIndex {
    TantivyIndex::in_directory(directory).expect("an index")
}

#[tokio::test]
async fn an_index_on_the_disk_keeps_its_promises() {
    let directory = tempfile::tempdir().expect("a directory");
    keeps_its_promises(Arc::new(open(directory.path()))).await;
    // What was committed is there when it is opened again, with its mark.
    let index = open(directory.path());
    assert_eq!(index.mark().await.expect("a mark"), Some(mark(9)));
    index.apply(vec![event(1, "Alpha")], vec![], mark(10)).await.expect("taken over");
    drop(index);
    let index = open(directory.path());
    assert_eq!((index.mark().await.expect("a mark"), ids(&index, "q=alpha").await), (Some(mark(10)), vec![1]));
}

#[tokio::test]
async fn a_directory_has_one_index_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let index = open(directory.path());
    let second = TantivyIndex::in_directory(directory.path()).expect_err("it is taken");
    assert!(second.to_string().contains("directory of its own"), "{second}");
    index.apply(vec![event(1, "Alpha")], vec![], mark(1)).await.expect("the first one has it still");
}

#[tokio::test]
async fn what_is_torn_or_of_another_making_is_begun_anew_and_nothing_else_is_touched() {
    type Wreck = fn(&Path);
    let wrecks: [(&str, Wreck); 5] = [
        ("a cut segment", |folder| {
            let segment = largest(folder);
            let bytes = fs::read(&segment).expect("bytes");
            fs::write(&segment, &bytes[..bytes.len() / 2]).expect("cut");
        }),
        ("a flipped byte", |folder| {
            let segment = largest(folder);
            let mut bytes = fs::read(&segment).expect("bytes");
            bytes[0] ^= 0x55;
            fs::write(&segment, bytes).expect("flipped");
        }),
        ("no segment", |folder| fs::remove_file(largest(folder)).expect("removed")),
        ("a torn list", |folder| fs::write(folder.join("meta.json"), b"{\"index_settings\":").expect("torn")),
        ("another layout", |folder| {
            let list = folder.join("meta.json");
            let text = fs::read_to_string(&list).expect("text");
            assert!(text.contains("\\\"layout\\\":1"), "{text}");
            fs::write(list, text.replace("\\\"layout\\\":1", "\\\"layout\\\":0")).expect("written");
        }),
    ];
    for (what, wreck) in wrecks {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("mine.txt"), "mine").expect("written");
        let index = open(directory.path());
        let events = (1..50).map(|n| event(n, "Alpha of Beta")).collect();
        index.apply(events, vec![], mark(1)).await.expect("taken over");
        drop(index);
        wreck(&directory.path().join("events"));
        let index = open(directory.path());
        assert_eq!(index.mark().await.expect("a mark"), None, "{what}");
        index.apply(vec![event(1, "Alpha")], vec![], mark(2)).await.expect("taken over");
        assert_eq!(ids(&index, "q=alpha").await, [1], "{what}");
        assert_eq!(fs::read_to_string(directory.path().join("mine.txt")).expect("there"), "mine");
    }
}

/// The largest file of a segment.
fn largest(folder: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let segments = files.filter(|file| file.extension().is_some_and(|end| end != "json" && end != "lock"));
    segments.max_by_key(|file| fs::metadata(file).expect("a file").len()).expect("a segment")
}
