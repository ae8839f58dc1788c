//! Words as they are compared: of documents and of questions, in any script. Pure.
//!
//! Guarantees:
//! - case, accents, apostrophes and full-width forms make no difference
//! - what is written without spaces (Chinese, Japanese, Thai, …) is found by any two neighbouring signs of it
//! - a text of any length has a bounded number of words of bounded length

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a word; the rest of a longer one is left out.
pub(super) const WORD_CHARS_MAX: usize = 40;
/// Words of a document, or of a question.
pub(super) const WORDS_MAX: usize = 256;
/// A name with signs in it, like AC/DC, is found without them if it is no longer than this.
const JOINED_CHARS_MAX: usize = 20;

/// A word of a question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// As it is compared.
    pub text: String,
    /// True if it is one or two signs of a script without spaces: there are no typing errors in it, and it begins nothing.
    pub is_dense: bool,
}

/// What a sign is to a reader of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    /// Of a script whose words have spaces between them.
    Letter,
    /// Of a script whose words have none.
    Dense,
    /// It stands within a name: `/`, `-`, `!`.
    Within,
    Space,
}

/// The words of a question, in their order.
#[must_use]
pub(super) fn asked(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for chunk in chunks(text) {
        for part in parts(&chunk) {
            if part.is_dense {
                words.extend(pairs(&part.text).into_iter().map(|text| Word { text, is_dense: true }));
            } else {
                words.push(part);
            }
        }
    }
    words.truncate(WORDS_MAX);
    words
}

/// The words under which a text is found.
#[must_use]
pub(super) fn of_document(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for chunk in chunks(text) {
        let parts = parts(&chunk);
        let joined: String = parts.iter().map(|part| part.text.as_str()).collect();
        let is_name = parts.len() > 1 && parts.iter().all(|part| !part.is_dense);
        for part in parts {
            if part.is_dense {
                words.extend(part.text.chars().map(String::from));
                words.extend(pairs(&part.text).into_iter().filter(|pair| pair.chars().count() > 1));
            } else {
                words.push(part.text);
            }
        }
        if is_name && joined.chars().count() <= JOINED_CHARS_MAX {
            words.push(joined);
        }
        if words.len() > WORDS_MAX {
            break;
        }
    }
    words.truncate(WORDS_MAX);
    words
}

/// A text as one word, for what is compared as a whole: the name of a city.
#[must_use]
pub(super) fn whole(text: &str) -> String {
    let words: Vec<String> = chunks(text).iter().flat_map(|chunk| parts(chunk)).map(|part| part.text).collect();
    words.join(" ").chars().take(WORD_CHARS_MAX).collect()
}

/// How many changes of one sign make one word of the other; a swap of neighbours is one. More than `most` is told as `most + 1`.
#[must_use]
pub(super) fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut rows: [Vec<usize>; 3] = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let change = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()].min(most + 1)
}

/// Typing errors that are allowed in a word.
#[must_use]
pub(super) fn errors_allowed(word: &str) -> u8 {
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// What stands between spaces, as it is compared.
fn chunks(text: &str) -> Vec<Vec<(char, Sign)>> {
    let mut chunks = vec![Vec::new()];
    let lower = text.chars().flat_map(char::to_lowercase);
    for sign in lower.nfkd().flat_map(fold) {
        let kind = sign_of(sign);
        if kind != Sign::Space {
            if let Some(last) = chunks.last_mut() {
                last.push((sign, kind));
            }
        } else if chunks.len() > WORDS_MAX {
            break;
        } else if chunks.last().is_some_and(|last: &Vec<_>| !last.is_empty()) {
            chunks.push(Vec::new());
        }
    }
    chunks
}

/// The words of a chunk: letters and dense signs apart.
fn parts(chunk: &[(char, Sign)]) -> Vec<Word> {
    let same = |a: &(char, Sign), b: &(char, Sign)| a.1 == b.1;
    let words = chunk.chunk_by(same).filter(|part| part[0].1 != Sign::Within).map(|part| {
        let is_dense = part[0].1 == Sign::Dense;
        let most = if is_dense { WORDS_MAX } else { WORD_CHARS_MAX };
        let text: String = part.iter().map(|(sign, _)| *sign).take(most).collect();
        Word { text: if is_dense { text } else { without_article(text) }, is_dense }
    });
    words.filter(|word| !word.text.is_empty()).collect()
}

/// Every two neighbours, or the one that there is.
fn pairs(text: &str) -> Vec<String> {
    let signs: Vec<char> = text.chars().collect();
    if signs.len() < 2 { vec![text.to_owned()] } else { signs.windows(2).map(|pair| pair.iter().collect()).collect() }
}

/// The Arabic article is written as a part of its word.
fn without_article(word: String) -> String {
    match word.strip_prefix("ال") {
        Some(rest) if rest.chars().count() >= 3 => rest.to_owned(),
        _ => word,
    }
}

/// A sign as it is compared: nothing for accents and what joins.
fn fold(sign: char) -> impl Iterator<Item = char> {
    let folded: &[char] = match sign {
        // Accents of Latin, Greek, Cyrillic, Hebrew, Arabic and kana; other scripts write vowels with such marks.
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{487}'
        | '\u{591}'..='\u{5bd}'
        | '\u{5bf}'
        | '\u{5c1}'..='\u{5c2}'
        | '\u{5c4}'..='\u{5c5}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{670}'
        | '\u{6d6}'..='\u{6dc}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{3099}'..='\u{309a}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => &[],
        // Apostrophes, the Arabic line between letters, soft hyphens, joiners.
        '\''
        | '’'
        | '‘'
        | 'ʼ'
        | 'ʻ'
        | '`'
        | '´'
        | '′'
        | '\u{640}'
        | '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2060}'
        | '\u{feff}' => &[],
        'ß' => &['s', 's'],
        'æ' => &['a', 'e'],
        'œ' => &['o', 'e'],
        'þ' => &['t', 'h'],
        'ø' => &['o'],
        'đ' | 'ð' => &['d'],
        'ł' => &['l'],
        'ħ' => &['h'],
        'ı' => &['i'],
        'ŋ' => &['n'],
        'ς' => &['σ'],
        'ة' => &['ه'],
        'ى' => &['ي'],
        'ך' => &['כ'],
        'ם' => &['מ'],
        'ן' => &['נ'],
        'ף' => &['פ'],
        'ץ' => &['צ'],
        '&' => &[' ', 'a', 'n', 'd', ' '],
        _ => return Folded::One(Some(kana(sign))),
    };
    Folded::Some(folded.iter())
}

/// What a sign becomes.
enum Folded {
    One(Option<char>),
    Some(std::slice::Iter<'static, char>),
}

impl Iterator for Folded {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(sign) => sign.take(),
            Self::Some(signs) => signs.next().copied(),
        }
    }
}

/// Katakana as hiragana.
fn kana(sign: char) -> char {
    let is_katakana = ('\u{30a1}'..='\u{30f6}').contains(&sign);
    if is_katakana { char::from_u32(u32::from(sign) - 0x60).unwrap_or(sign) } else { sign }
}

fn sign_of(sign: char) -> Sign {
    match sign {
        // Thai, Lao, Myanmar, Khmer; kana; ideographs.
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3041}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => {
            if sign == '\u{30fb}' {
                Sign::Space
            } else {
                Sign::Dense
            }
        }
        _ if sign.is_alphanumeric() || is_combining_mark(sign) => Sign::Letter,
        _ if sign.is_whitespace() || ",;:()[]{}|\"“”„«»·•".contains(sign) => Sign::Space,
        _ if sign.is_control() => Sign::Space,
        _ => Sign::Within,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        asked(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn spellings_of_a_word_are_one() {
        for (one, other) in [
            ("Sigur Rós", "SIGUR ROS"),
            ("Beyoncé", "beyonce"),
            ("Guns N’ Roses", "guns n' roses"),
            ("Straße", "STRASSE"),
            ("Søren Ærø", "soren aero"),
            ("Zażółć gęślą", "zazolc gesla"),
            ("İstanbul", "istanbul"),
            ("ΟΔΥΣΣΕΥΣ", "Οδυσσεύς"),
            ("Ёлка", "елка"),
            ("أُمّ كُلثوم", "ام كلثوم"),
            ("شَلوم", "شلوم"),
            ("ＡＢＢＡ", "abba"),
            ("カラオケ", "からおけ"),
            ("ｶﾗｵｹ", "カラオケ"),
            ("Florence & The Machine", "florence and the machine"),
        ] {
            assert_eq!(texts(one), texts(other), "{one}");
        }
        assert_eq!(texts("القاهرة"), texts("قاهره"), "with and without the article");
    }

    #[test]
    fn a_name_with_signs_is_found_with_and_without_them() {
        assert_eq!(of_document("AC/DC live"), ["ac", "dc", "acdc", "live"]);
        assert_eq!(texts("ac/dc"), ["ac", "dc"]);
        assert_eq!(of_document("St. Pauli"), ["st", "pauli"]);
        assert_eq!(of_document("P!nk"), ["p", "nk", "pnk"]);
    }

    #[test]
    fn what_has_no_spaces_is_found_by_pairs() {
        assert_eq!(of_document("東京ドーム"), ["東", "京", "と", "ー", "む", "東京", "京と", "とー", "ーむ"]);
        assert_eq!(texts("東京"), ["東京"]);
        assert_eq!(texts("東"), ["東"]);
        assert!(asked("東京").iter().all(|word| word.is_dense));
        assert_eq!(texts("hello東京"), ["hello", "東京"]);
    }

    #[test]
    fn vowels_that_are_marks_stay() {
        assert_ne!(texts("हिन्दी"), texts("हन्द"));
        assert_eq!(texts("हिन्दी").len(), 1);
    }

    #[test]
    fn changes_are_counted() {
        for (a, b, changes) in
            [("beyonse", "beyonce", 1), ("metalica", "metallica", 1), ("ab", "ba", 1), ("", "ab", 2), ("abc", "xyz", 3)]
        {
            assert_eq!((distance(a, b, 2), distance(b, a, 2)), (changes, changes), "{a} {b}");
        }
        assert_eq!(distance("a", "abcdef", 2), 3);
    }

    proptest! {
        #[test]
        fn a_document_is_found_by_each_of_its_words(text in "\\PC{0,80}") {
            let words = of_document(&text);
            for word in asked(&text) {
                prop_assert!(words.contains(&word.text), "{:?} of {:?}", word, words);
            }
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,4000}") {
            prop_assert!(asked(&text).len() <= WORDS_MAX && of_document(&text).len() <= WORDS_MAX);
            prop_assert!(of_document(&text).iter().all(|word| word.chars().count() <= WORD_CHARS_MAX && !word.contains(' ')));
            prop_assert!(whole(&text).chars().count() <= WORD_CHARS_MAX);
        }
    }
}
