//! Questions that nobody means well: no panic, and an end at the deadline.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::search::question::{TEXT_BYTES_MAX, WORDS_MAX};

/// What breaks programs that read text, beside what chance makes of all of Unicode.
const ODD: [&str; 16] = [
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "\u{301}\u{301}\u{301}",
    "ﷺ",
    "🏳️‍🌈",
    "AND OR NOT",
    "title:*",
    "\"",
    "(((",
    "~2^9",
    "%",
    "\\",
    "İ",
    "ǆ",
    "\u{10ffff}",
];

fn queries(bytes: usize) -> impl Iterator<Item = String> {
    let piece = prop_oneof![
        any::<String>(),
        "\\PC{0,40}",
        "[a-z]{1,12}( [a-z]{1,12}){0,11}",
        "[一-鿿ぁ-ヿ]{1,60}",
        prop::sample::select(&ODD[..]).prop_map(str::to_owned),
        prop::sample::select(&ODD[..]).prop_map(|odd| odd.repeat(20)),
    ];
    let text = prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut made = 0;
    std::iter::from_fn(move || {
        let text = text.new_tree(&mut runner).expect("a text").current();
        made += text.len();
        (made <= bytes).then_some(text)
    })
}

/// Words like those of names, of which there are many that are near to each other.
fn crowd(events: i32) -> Vec<EventDocument> {
    let syllables = ["ma", "ri", "lo", "ke", "tu", "na", "so", "be"];
    let word = |n: i32| -> String {
        (0..3).map(|place| syllables[usize::try_from((n >> (3 * place)) & 7).expect("small")]).collect()
    };
    (1..=events).map(|n| event(n, &format!("{} {} 東京{}", word(n), word(n * 37 + 11), word(n / 3)))).collect()
}

async fn bombard(index: &dyn SearchIndex, bytes: usize) -> (usize, Duration) {
    let (mut asked, mut longest) = (0, Duration::ZERO);
    for text in queries(bytes) {
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", &text).finish();
        let Ok(question) = Question::read(&query) else { continue };
        assert!(question.text.len() <= TEXT_BYTES_MAX);
        assert!(question.words.iter().filter(|word| !word.is_dense).count() <= WORDS_MAX);
        let began = Instant::now();
        match index.search(&question, NOW_MS, began + Duration::from_secs(30)).await {
            Ok(found) => assert!(found.events.len() <= 20),
            Err(error) => panic!("{text:?}: {error}"),
        }
        longest = longest.max(began.elapsed());
        asked += 1;
    }
    (asked, longest)
}

#[tokio::test]
async fn no_question_breaks_the_search() {
    let index = in_memory(crowd(3_000)).await;
    let (asked, _) = bombard(&*index, 200_000).await;
    assert!(asked > 300, "most are questions: {asked}");
}

/// `cargo test -p fairgate-booking ten_megabytes -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "it takes minutes and prints figures"]
#[expect(clippy::print_stdout, reason = "it reports on the terminal")]
async fn ten_megabytes_of_questions_break_nothing() {
    let index = in_memory(crowd(20_000)).await;
    let (asked, longest) = bombard(&*index, 10 << 20).await;
    println!("{asked} questions of 10 MB; the longest took {} ms", longest.as_millis());
}

#[tokio::test]
async fn the_query_of_a_url_is_read_whatever_it_holds() {
    for text in queries(200_000) {
        let _ = Question::read(&text);
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_ends_every_kind_of_question() {
    let index = in_memory(crowd(3_000)).await;
    for query in ["q=maruri+loke", "q=m", "", "q=%E6%9D%B1%E4%BA%AC", "sort=price", "q=zzzzzzzzzz+marilo"] {
        let question = Question::read(query).expect("a question");
        let ended = index.search(&question, NOW_MS, Instant::now()).await;
        assert!(matches!(ended, Err(IndexError::Late)), "{query}: {ended:?}");
    }
}
