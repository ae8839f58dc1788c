//! Finds the paths that a Rust file names, with their lines.
//!
//! Guarantees: comments, documentation and literals name nothing; every branch of a `use` tree is one path; what stands under
//! `#[cfg(test)]` is told apart.

/// A path as it is written, such as `super::state::Edge`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Counted from one.
    pub(crate) line: usize,
    /// The path's names, in order.
    pub(crate) path: Vec<String>,
    /// The modules inside the file that it stands in.
    pub(crate) inside: Vec<String>,
    /// True if the file is compiled for tests only.
    pub(crate) is_test: bool,
}

/// What a file says about other files.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The paths that it names.
    pub(crate) named: Vec<Named>,
    /// Modules in files of their own that only tests are compiled with.
    pub(crate) test_modules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Name(String),
    /// `::`
    Colons,
    Sign(char),
}

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    kind: Kind,
}

/// Scans the text of a file.
pub(crate) fn scan(text: &str) -> Scan {
    let mut scanner =
        Scanner { tokens: tokens(text), at: 0, scopes: Vec::new(), cfg_test: false, scan: Scan::default() };
    while scanner.at < scanner.tokens.len() {
        scanner.step();
    }
    scanner.scan
}

/// Something in braces.
struct Scope {
    module: Option<String>,
    is_test: bool,
}

struct Scanner {
    tokens: Vec<Token>,
    at: usize,
    scopes: Vec<Scope>,
    /// True if the item at hand is compiled for tests only, as an attribute says.
    cfg_test: bool,
    scan: Scan,
}

impl Scanner {
    fn kind(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    fn name(&self, ahead: usize) -> Option<&str> {
        match self.kind(ahead)? {
            Kind::Name(name) => Some(name),
            Kind::Colons | Kind::Sign(_) => None,
        }
    }

    fn is_sign(&self, ahead: usize, sign: char) -> bool {
        self.kind(ahead) == Some(&Kind::Sign(sign))
    }

    fn is_test(&self) -> bool {
        self.cfg_test || self.scopes.last().is_some_and(|scope| scope.is_test)
    }

    fn step(&mut self) {
        match self.kind(0) {
            Some(Kind::Sign('#')) if self.is_sign(1, '[') => self.attribute(),
            Some(Kind::Sign('{')) => self.open(None),
            Some(Kind::Sign('}')) => {
                self.scopes.pop();
                self.at += 1;
            }
            Some(Kind::Sign(';')) => {
                self.cfg_test = false;
                self.at += 1;
            }
            Some(Kind::Name(name)) if name == "mod" => self.module(),
            Some(Kind::Name(name)) if name == "use" && !self.is_sign(1, '<') => {
                self.at += 1;
                self.tree(&[]);
            }
            Some(Kind::Name(_)) => self.inline(),
            Some(Kind::Colons | Kind::Sign(_)) | None => self.at += 1,
        }
    }

    fn open(&mut self, module: Option<String>) {
        self.scopes.push(Scope { module, is_test: self.is_test() });
        self.cfg_test = false;
        self.at += 1;
    }

    /// Looks for `cfg(test)`, and for `test` among others.
    fn attribute(&mut self) {
        let (mut depth, mut names) = (0, Vec::new());
        while let Some(token) = self.tokens.get(self.at) {
            match &token.kind {
                Kind::Sign('[') => depth += 1,
                Kind::Sign(']') => depth -= 1,
                Kind::Name(name) => names.push(name.clone()),
                Kind::Colons | Kind::Sign(_) => {}
            }
            self.at += 1;
            if depth == 0 && token_ends(&self.tokens[self.at - 1]) {
                break;
            }
        }
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        self.cfg_test |= names.first().is_some_and(|name| name == "cfg") && has("test") && !has("not");
    }

    fn module(&mut self) {
        let Some(name) = self.name(1).map(str::to_owned) else {
            self.at += 1;
            return;
        };
        self.at += 2;
        if self.is_sign(0, '{') {
            self.open(Some(name));
        } else if self.is_test() {
            self.scan.test_modules.push(name);
        }
    }

    /// A branch of a `use` tree.
    fn tree(&mut self, above: &[String]) {
        let mut path = above.to_vec();
        loop {
            match self.kind(0) {
                Some(Kind::Name(name)) if name == "as" => self.at += 2,
                Some(Kind::Name(name)) => {
                    path.push(name.clone());
                    self.at += 1;
                }
                Some(Kind::Sign('*')) => {
                    path.push("*".to_owned());
                    self.at += 1;
                }
                Some(Kind::Colons) => self.at += 1,
                Some(Kind::Sign('{')) => return self.branches(&path),
                _ => break,
            }
        }
        if path.len() > above.len() {
            self.note(path, self.at.saturating_sub(1));
        }
    }

    fn branches(&mut self, path: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() && !self.is_sign(0, '}') {
            let begun = self.at;
            self.tree(path);
            if self.is_sign(0, ',') || self.at == begun {
                self.at += 1;
            }
        }
        self.at += 1;
    }

    /// A path in the middle of code; a name alone is none.
    fn inline(&mut self) {
        let begun = self.at;
        let mut path = Vec::new();
        while let Some(name) = self.name(0).map(str::to_owned) {
            path.push(name);
            self.at += 1;
            if self.kind(0) != Some(&Kind::Colons) || self.name(1).is_none() {
                break;
            }
            self.at += 1;
        }
        if path.len() > 1 {
            self.note(path, begun);
        }
    }

    fn note(&mut self, path: Vec<String>, token: usize) {
        let inside = self.scopes.iter().filter_map(|scope| scope.module.clone()).collect();
        let (line, is_test) = (self.tokens[token].line, self.is_test());
        self.scan.named.push(Named { line, path, inside, is_test });
    }
}

fn token_ends(token: &Token) -> bool {
    token.kind == Kind::Sign(']')
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < chars.len() {
        let (kind, end) = token(&chars, at);
        if let Some(kind) = kind {
            tokens.push(Token { line, kind });
        }
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The token that begins here, if anything that counts does, and where it ends.
fn token(chars: &[char], at: usize) -> (Option<Kind>, usize) {
    let ahead = |by: usize| chars.get(at + by).copied().unwrap_or('\0');
    match chars[at] {
        '/' if ahead(1) == '/' => (None, find(chars, at, |c| c == '\n')),
        '/' if ahead(1) == '*' => (None, end_of_comment(chars, at)),
        '"' => (None, end_of_string(chars, at)),
        '\'' if ahead(1) == '\\' => (None, (find(chars, at + 3, |c| c == '\'') + 1).min(chars.len())),
        '\'' if ahead(2) == '\'' => (None, at + 3),
        ':' if ahead(1) == ':' => (Some(Kind::Colons), at + 2),
        c if c.is_alphabetic() || c == '_' => name(chars, at),
        c if c.is_whitespace() => (None, at + 1),
        // Numbers: their digits name nothing, and neither do suffixes.
        c if c.is_ascii_digit() => (None, find(chars, at, |c| !c.is_alphanumeric() && c != '_')),
        c => (Some(Kind::Sign(c)), at + 1),
    }
}

/// A name, or a literal that begins like one.
fn name(chars: &[char], at: usize) -> (Option<Kind>, usize) {
    let end = find(chars, at, |c| !c.is_alphanumeric() && c != '_');
    let word: String = chars[at..end].iter().collect();
    let is_prefix = matches!(word.as_str(), "r" | "b" | "br" | "c" | "cr");
    match chars.get(end) {
        Some('"') if is_prefix && !word.contains('r') => (None, end_of_string(chars, end)),
        Some('"' | '#') if is_prefix && word.contains('r') => raw(chars, end),
        Some('\'') if word == "b" => {
            let (_, end) = token(chars, end);
            (None, end)
        }
        _ => (Some(Kind::Name(word)), end),
    }
}

/// A raw string, or a raw name.
fn raw(chars: &[char], at: usize) -> (Option<Kind>, usize) {
    let quote = find(chars, at, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return name(chars, quote);
    }
    let hashes = quote - at;
    let is_end = |end: usize| chars[end] == '"' && chars[end + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    let end = (quote + 1..chars.len()).find(|end| is_end(*end)).unwrap_or(chars.len());
    (None, (end + 1 + hashes).min(chars.len()))
}

fn find(chars: &[char], from: usize, is_it: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| is_it(chars[*at])).unwrap_or(chars.len())
}

fn end_of_string(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn end_of_comment(chars: &[char], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        scan(text).named.into_iter().map(|named| named.path.join("::")).collect()
    }

    #[test]
    fn every_branch_of_a_use_tree_is_a_path() {
        let text = "use super::{a::{self, B as C}, d::*};\nuse crate::x;\npub(crate) use y::Z;";
        assert_eq!(paths(text), ["super::a::self", "super::a::B", "super::d::*", "crate::x", "y::Z"]);
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        let text = r###"
            //! See [`crate::doc`].
            /* use crate::a; /* nested */ use crate::b; */
            const A: &str = "use crate::c;"; const B: &str = r#"crate::d "quoted""#; const C: char = '"'; const D: u8 = b'\'';
            fn e<'a>(f: &'a str) -> impl Iterator + use<'a> { crate::g::h(f) }
        "###;
        assert_eq!(paths(text), ["crate::g::h"]);
    }

    #[test]
    fn what_only_tests_see_is_told_apart() {
        let text = "use crate::a;\n#[cfg(test)]\nuse crate::b;\nfn c() { crate::d::e(); }\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n\
                    #[cfg(test)]\nmod more;\n#[cfg(not(test))]\nuse crate::f;";
        let scan = scan(text);
        let seen: Vec<_> = scan.named.iter().map(|named| (named.line, named.path.join("::"), named.is_test)).collect();
        let expected = [
            (1, "crate::a", false),
            (3, "crate::b", true),
            (4, "crate::d::e", false),
            (7, "super::*", true),
            (12, "crate::f", false),
        ];
        assert_eq!(seen, expected.map(|(line, path, is_test)| (line, path.to_owned(), is_test)));
        assert_eq!(scan.named[3].inside, ["tests"]);
        assert_eq!(scan.test_modules, ["more"]);
    }
}
