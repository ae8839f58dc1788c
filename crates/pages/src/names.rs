//! Short names for what a page's own script has named itself: a tenth of what is left to compress.
//!
//! Guarantees: a name is shortened everywhere or nowhere, each to one that stands nowhere else in the script, so no
//! scope has to be understood. A name stays where it could be a property: after a dot, before a colon, alone in
//! braces, in a string. So does a name that is declared nowhere (a global). Sources have no methods in short form and
//! no calls in default values.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::minify::{begins_expression, quoted, regular_expression};

/// Shorter ones are not worth it.
const BYTES_MIN: usize = 3;
/// Words of the language that are as short as the names given here.
const RESERVED: [&str; 5] = ["as", "do", "if", "in", "of"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'s> {
    Name(&'s str),
    /// A string, a part of a template, a regular expression or a number.
    Text(&'s str),
    Sign(char),
}

/// The script with short names.
pub(super) fn shortened(script: &str) -> String {
    let tokens = tokens(script);
    let given = given(&tokens);
    let mut out = String::with_capacity(script.len());
    for token in tokens {
        match token {
            Token::Name(name) => out.push_str(given.get(name).map_or(name, String::as_str)),
            Token::Text(text) => out.push_str(text),
            Token::Sign(sign) => out.push(sign),
        }
    }
    out
}

fn tokens(script: &str) -> Vec<Token<'_>> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let (mut tokens, mut open, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(next) = script[at..].chars().next() {
        let rest = &script[at..];
        let word = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let token = match next {
            '0'..='9' => Token::Text(&rest[..rest.find(|c| !is_name(c) && c != '.').unwrap_or(rest.len())]),
            _ if word > 0 => Token::Name(&rest[..word]),
            '"' | '\'' => Token::Text(&rest[..quoted(rest, next)]),
            '/' if begins_expression(&script[..at]) => Token::Text(&rest[..regular_expression(rest)]),
            '`' => Token::Text(part_of_template(rest)),
            '}' if open.pop() == Some('`') => Token::Text(part_of_template(rest)),
            _ => Token::Sign(next),
        };
        at += match token {
            Token::Name(text) | Token::Text(text) => text.len(),
            Token::Sign(sign) => sign.len_utf8(),
        };
        match token {
            Token::Text(text) if next == '`' || next == '}' => open.extend(text.ends_with("${").then_some('`')),
            Token::Sign('{') => open.push('{'),
            _ => {}
        }
        tokens.push(token);
    }
    tokens
}

/// From a template's backtick, or the brace that ends an expression in it, to the next such end.
fn part_of_template(text: &str) -> &str {
    let mut before = '\0';
    let end = text.char_indices().skip(1).find(|(at, c)| {
        let ends = before != '\\' && (*c == '`' || text[*at..].starts_with("${"));
        before = if before == '\\' { '\0' } else { *c };
        ends
    });
    end.map_or(text, |(at, c)| &text[..at + if c == '`' { 1 } else { 2 }])
}

/// The short names, for those names that may have one: the most frequent get the shortest.
fn given(tokens: &[Token<'_>]) -> HashMap<String, String> {
    let code: Vec<Token<'_>> = tokens.iter().copied().filter(|token| !is_space(*token)).collect();
    let (declared, fixed) = (declared(&code), fixed(&code));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut taken: HashSet<&str> = RESERVED.into();
    for token in &code {
        let Token::Name(name) = *token else { continue };
        taken.insert(name);
        if name.len() >= BYTES_MIN && declared.contains(name) && !fixed.contains(name) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let short = short_names().filter(|short| !taken.contains(short.as_str()));
    names.into_iter().map(|(name, _)| name.to_owned()).zip(short).collect()
}

fn is_space(token: Token<'_>) -> bool {
    matches!(token, Token::Sign(' ' | '\n'))
}

/// `a` to `z`, then `aa` to `zz`: more than a page has.
fn short_names() -> impl Iterator<Item = String> {
    let two = ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| format!("{first}{second}")));
    ('a'..='z').map(String::from).chain(two)
}

fn is_sign(token: Option<&Token<'_>>, signs: &str) -> bool {
    matches!(token, Some(Token::Sign(sign)) if signs.contains(*sign))
}

/// What is declared by `const`, `let` or `function`, as a parameter or by `catch`.
fn declared<'s>(code: &[Token<'s>]) -> HashSet<&'s str> {
    let mut declared = HashSet::new();
    for (at, token) in code.iter().enumerate() {
        match *token {
            Token::Name("const" | "let") => declared.extend(name_at(code, at + 1)),
            Token::Name("function") => {
                let name = at + 1 + usize::from(is_sign(code.get(at + 1), "*"));
                declared.extend(name_at(code, name));
                declared.extend(parameters(code.get(name + 1..).unwrap_or_default()));
            }
            Token::Name("catch") if is_sign(code.get(at + 1), "(") => declared.extend(parameters(&code[at + 1..])),
            Token::Sign('>') if at > 1 && is_sign(code.get(at - 1), "=") => match code[at - 2] {
                Token::Name(name) => drop(declared.insert(name)),
                Token::Sign(')') => declared.extend(parameters(before(code, at - 2))),
                _ => {}
            },
            _ => {}
        }
    }
    declared
}

fn name_at<'s>(code: &[Token<'s>], at: usize) -> Option<&'s str> {
    if let Some(Token::Name(name)) = code.get(at) { Some(name) } else { None }
}

/// From the parenthesis that the one at `end` closes.
fn before<'c, 's>(code: &'c [Token<'s>], end: usize) -> &'c [Token<'s>] {
    let mut depth = 0_usize;
    let start = (0..=end).rev().find(|at| {
        match code[*at] {
            Token::Sign(')') => depth += 1,
            Token::Sign('(') => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &code[start.unwrap_or(end)..]
}

/// The names in the parentheses that this begins with; none where there are calls among them.
fn parameters<'s>(code: &[Token<'s>]) -> Vec<&'s str> {
    let mut names = Vec::new();
    for (at, token) in code.iter().enumerate().skip(1) {
        match token {
            Token::Sign('(') => return Vec::new(),
            Token::Sign(')') => return names,
            Token::Name(name) if !is_sign(code.get(at - 1), "=") => names.push(*name),
            _ => {}
        }
    }
    names
}

/// What may be the name of a property.
fn fixed<'s>(code: &[Token<'s>]) -> HashSet<&'s str> {
    let (mut fixed, mut open) = (HashSet::new(), Vec::new());
    for (at, token) in code.iter().enumerate() {
        let (before, after) = (at.checked_sub(1).and_then(|at| code.get(at)), code.get(at + 1));
        match *token {
            Token::Sign(sign @ ('{' | '(' | '[')) => open.push(sign),
            Token::Sign('}' | ')' | ']') => drop(open.pop()),
            Token::Text(text) if text.starts_with(['"', '\'']) => drop(fixed.insert(&text[1..text.len() - 1])),
            Token::Text(text) if text.starts_with(['`', '}']) => follow_template(text, &mut open),
            Token::Name(name) => {
                let is_member = is_sign(before, ".") && !(at > 1 && is_sign(code.get(at - 2), "."));
                let is_first = is_sign(before, "{,");
                let is_key = is_first && is_sign(after, ":");
                let is_alone = is_first && open.last() == Some(&'{') && is_sign(after, ",}=");
                if is_member || is_key || is_alone {
                    fixed.insert(name);
                }
            }
            _ => {}
        }
    }
    fixed
}

fn follow_template(text: &str, open: &mut Vec<char>) {
    if text.starts_with('}') {
        open.pop();
    }
    if text.ends_with("${") {
        open.push('`');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_nothing_else_is_shortened() {
        for (source, short) in [
            ("const first=1;let second=first;", "const a=1;let b=a;"),
            (
                "function* turn(one,[two,{three}]){return one+two+three;}",
                "function* c(a,[b,{three}]){return a+b+three;}",
            ),
            ("const list=[];list.length+other.list;", "const list=[];list.length+other.list;"),
            ("const key=1;f({key:2,...key});", "const key=1;f({key:2,...key});"),
            ("const all=[];f(...all);window.fetch(all);", "const a=[];f(...a);window.fetch(a);"),
            ("const name=1;g({name});", "const name=1;g({name});"),
            ("const said=`a ${word=>`b ${word} said`} ${said}`;", "const a=`a ${b=>`b ${b} said`} ${a}`;"),
            ("const mine=\"status\";const status=mine;", "const a=\"status\";const status=a;"),
            ("const word=s.replace(/word\\/`/g,\"\");", "const a=s.replace(/word\\/`/g,\"\");"),
            ("try{f();}catch(error){g(error);}", "try{f();}catch(a){g(a);}"),
            ("try{f();}catch{return null;}", "try{f();}catch{return null;}"),
            ("const on=(first,second=\"x\")=>first-second;", "const on=(a,b=\"x\")=>a-b;"),
        ] {
            assert_eq!(shortened(source), short);
        }
    }

    #[test]
    fn a_short_name_is_nobody_elses() {
        assert_eq!(shortened("const word=1;a(word);b.c(word);"), "const d=1;a(d);b.c(d);");
    }
}
