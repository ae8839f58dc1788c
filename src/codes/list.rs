//! Lists of codes as organizers have them: a code a line, or a column of a spreadsheet's export.
//!
//! Guarantees:
//! - every line is a code, empty, the header, or a mistake that is told with its line
//! - no code stands in a mistake's words
//!
//! What spreadsheets write is read: quotes, empty lines, a header, commas, semicolons or tabs.

use std::fmt;

use fairgate_entry::code::Code;
use fairgate_entry::code::text::{CODE_CHARACTERS_MAX, CODE_CHARACTERS_MIN};

/// Words in the headers of columns with codes.
const HEADER_WORDS: [&str; 8] = ["code", "código", "codigo", "codice", "voucher", "coupon", "kód", "invitation"];

/// How a list is to be read.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// The column with the codes: its number from 1, or what the header calls it. The first unless given.
    pub column: Option<String>,
    /// True if the first line is a header whatever it says.
    pub has_header: bool,
}

/// A list that is read line by line, as often as is needed.
pub struct CodeList<'t> {
    text: &'t str,
    delimiter: u8,
    /// From 0.
    column: usize,
    header_line: Option<u64>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineProblem {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for LineProblem {}

impl<'t> CodeList<'t> {
    /// A list in a text without a byte order mark.
    ///
    /// # Errors
    /// When the column is not in the header, or is no number.
    pub fn new(text: &'t str, options: &ListOptions) -> Result<Self, LineProblem> {
        let delimiter = delimiter(text);
        let mut list = Self { text, delimiter, column: 0, header_line: None };
        let first = list.records().next();
        let Some(Ok(first)) = first else { return Ok(list) };
        let line = list.line_of(first.position());
        let cells: Vec<&str> = first.iter().map(str::trim).collect();
        let number = options.column.as_ref().and_then(|column| column.parse::<usize>().ok());
        list.column = match (&options.column, number) {
            (None, _) => 0,
            (Some(_), Some(0)) => return Err(problem(line, "columns are counted from 1".into())),
            (Some(_), Some(number)) => number - 1,
            (Some(name), None) => {
                let place = cells.iter().position(|cell| cell.eq_ignore_ascii_case(name.trim()));
                list.header_line = Some(line);
                place.ok_or_else(|| {
                    problem(line, format!("no column is called {name:?}; give its name as in this line, or its number"))
                })?
            }
        };
        if options.has_header || cells.get(list.column).is_some_and(|cell| is_header(cell)) {
            list.header_line = Some(line);
        }
        Ok(list)
    }

    /// The line that is taken for a header.
    #[must_use]
    pub fn header_line(&self) -> Option<u64> {
        self.header_line
    }

    /// Each code, with its line, or what is wrong with the line.
    pub fn codes(&self) -> impl Iterator<Item = Result<(u64, Code), LineProblem>> {
        self.records().filter_map(|record| match record {
            Err(error) => {
                let line = self.line_of(error.position());
                Some(Err(problem(line, "cannot be read; export the list as CSV in UTF-8".into())))
            }
            Ok(record) => {
                let line = self.line_of(record.position());
                // A line of delimiters that the first line does not have is empty, too.
                let is_empty = record.iter().all(|cell| cell.trim_matches([' ', ',', ';', '\t']).is_empty());
                if is_empty || Some(line) == self.header_line {
                    return None;
                }
                Some(self.code(&record).map(|code| (line, code)).map_err(|what| problem(line, what)))
            }
        })
    }

    fn code(&self, record: &csv::StringRecord) -> Result<Code, String> {
        let cell = record.get(self.column).map(str::trim);
        let Some(cell) = cell else {
            return Err(format!("has {} columns, and codes are in column {}", record.len(), self.column + 1));
        };
        if cell.is_empty() {
            return Err(format!("has no code in column {}", self.column + 1));
        }
        Code::read(cell).ok_or_else(|| misread(cell))
    }

    /// The line of a record. The reader passes over empty lines only after it has noted where it is.
    fn line_of(&self, position: Option<&csv::Position>) -> u64 {
        let Some(position) = position else { return 1 };
        let rest = usize::try_from(position.byte()).ok().and_then(|byte| self.text.as_bytes().get(byte..));
        let empty = rest.unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
    }

    fn records(&self) -> impl Iterator<Item = csv::Result<csv::StringRecord>> {
        let mut reader = csv::ReaderBuilder::new();
        let reader = reader.has_headers(false).flexible(true).delimiter(self.delimiter);
        reader.from_reader(self.text.as_bytes()).into_records()
    }
}

impl fmt::Debug for CodeList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeList(..)")
    }
}

fn problem(line: u64, what: String) -> LineProblem {
    LineProblem { line, what }
}

/// Why a cell is no code, in words that do not repeat it.
fn misread(cell: &str) -> String {
    let characters = cell.chars().filter(|c| c.is_alphanumeric()).count();
    let is_number = cell.starts_with(|c: char| c.is_ascii_digit()) && cell.parse::<f64>().is_ok();
    if is_number && cell.contains(['.', 'e', 'E']) {
        return "is a number that a spreadsheet has rounded; format the column as text there, and export it again"
            .into();
    }
    if !(CODE_CHARACTERS_MIN..=CODE_CHARACTERS_MAX).contains(&characters) {
        return format!(
            "has {characters} letters and digits; a code has {CODE_CHARACTERS_MIN} to {CODE_CHARACTERS_MAX} (is it in another column? \
             --column says which)"
        );
    }
    "has a character that no code has; use 0-9, A-Z, spaces and hyphens".into()
}

/// True if a first line is the name of a column and no code.
fn is_header(cell: &str) -> bool {
    let folded = cell.to_lowercase();
    let has_word = HEADER_WORDS.iter().any(|word| folded.contains(word));
    let has_digit = cell.contains(|c: char| c.is_ascii_digit());
    !has_digit && (has_word || Code::read(cell).is_none())
}

/// What stands between columns: what the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 3] = ["7H3K-Q9XW-2MVK", "0000-0000-0000", "SUMMER-2026"];

    fn read(text: &str, options: &ListOptions) -> Result<Vec<(u64, String)>, Vec<String>> {
        let list = CodeList::new(text, options).map_err(|problem| vec![problem.to_string()])?;
        let (mut codes, mut problems) = (Vec::new(), Vec::new());
        for line in list.codes() {
            match line {
                Ok((line, code)) => codes.push((line, code.as_str().to_owned())),
                Err(problem) => problems.push(problem.to_string()),
            }
        }
        if problems.is_empty() { Ok(codes) } else { Err(problems) }
    }

    fn lines(text: &str) -> Vec<u64> {
        read(text, &ListOptions::default()).unwrap().into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        assert_eq!(lines(&GOOD.join("\n")), [1, 2, 3]);
        assert_eq!(lines(&GOOD.join("\r\n")), [1, 2, 3], "CRLF");
        assert_eq!(lines(&format!("Code\r\n{}\r\n\r\n", GOOD.join("\r\n"))), [2, 3, 4], "a header");
        assert_eq!(lines(&format!("Invitation code\n{}", GOOD[0])), [2], "a header that could be a code");
        assert_eq!(lines("\n\n7H3K-Q9XW-2MVK\n\n;;\n0000-0000-0000\n"), [3, 6], "empty lines");
        assert_eq!(lines("\"7H3K-Q9XW-2MVK\"\n\" 0000 0000 0000 \"\n"), [1, 2], "quotes");
        for delimiter in [",", ";", "\t"] {
            assert_eq!(lines(&format!("{}{delimiter}Ada\n{}{delimiter}Bob, Jr.\n", GOOD[0], GOOD[1])), [1, 2]);
        }
        assert_eq!(lines(""), [0; 0]);
    }

    #[test]
    fn the_column_is_the_first_or_the_one_that_is_named() {
        let text = "name;Code;seat\nAda;7H3K-Q9XW-2MVK;1\nBob;0000-0000-0000;2\n";
        let column = |column: &str| ListOptions { column: Some(column.into()), has_header: false };
        for named in ["code", "2", " CODE "] {
            assert_eq!(read(text, &column(named)).unwrap().len(), 2, "{named}");
        }
        assert!(read(text, &column("kode")).unwrap_err()[0].contains("no column is called \"kode\""));
        assert!(read(text, &column("0")).unwrap_err()[0].contains("counted from 1"));
        assert_eq!(read(text, &column("9")).unwrap_err().len(), 3);
        let first = read(text, &ListOptions::default()).unwrap_err();
        assert!(first[0].starts_with("line 2: has 3 letters and digits"), "{first:?}");
        let header = ListOptions { column: None, has_header: true };
        assert_eq!(read("PLACE2026\n7H3K-Q9XW-2MVK", &header).unwrap(), [(2, "7H3KQ9XW2MVK".to_owned())]);
    }

    #[test]
    fn mistakes_have_their_line_and_never_the_code() {
        let text = "7H3K-Q9XW-2MVK\nSHORT\n1.23457E+11\nSUMMER#2026\n,x\n0000-0000-0000\n";
        let problems = read(text, &ListOptions::default()).unwrap_err();
        assert_eq!(problems.len(), 4, "{problems:?}");
        for (problem, words) in problems.iter().zip([
            "line 2: has 5 letters and digits; a code has 8 to 64",
            "line 3: is a number that a spreadsheet has rounded",
            "line 4: has a character that no code has",
            "line 5: has no code in column 1",
        ]) {
            assert!(problem.starts_with(words), "{problem}");
        }
        let said = problems.concat();
        assert!(!said.contains("SHORT") && !said.contains("SUMMER") && !said.contains("23457"));
    }
}
