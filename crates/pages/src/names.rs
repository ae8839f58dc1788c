//! Short names for what a page's own script has named itself: a sixth of what is left to compress.
//!
//! Guarantees:
//! - a name of the whole script is shortened everywhere or nowhere; one that a top-level statement alone declares, in
//!   all of that statement or nowhere in it
//! - a short name stands nowhere else in the statements that it is used in, so no scope has to be understood
//! - names of properties stay: after a dot and before a colon. A name that is alone in braces names a property, too: both
//!   are written out where that pays, and it stays elsewhere
//! - a name that is declared nowhere (a global) stays
//!
//! Sources have no methods in short form, no calls in default values, and a `;` behind every expression.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::minify::{begins_expression, quoted, regular_expression};

/// Words of the language that are as short as the names given here.
const RESERVED: [&str; 5] = ["as", "do", "if", "in", "of"];
/// From so many other uses on it pays to write out what is alone in braces: in a statement, and in the whole script.
const OWN_USES_MIN: usize = 3;
const WHOLE_USES_MIN: usize = 6;
/// What goes on with a statement behind a brace.
const GOES_ON: [&str; 7] = ["catch", "else", "finally", "while", "of", "in", "instanceof"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'s> {
    Name(&'s str),
    /// A string, a part of a template, a regular expression or a number.
    Text(&'s str),
    Sign(char),
}

/// What a name is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A variable, or a word of the language.
    Variable,
    /// A variable that names a property, too: alone in braces.
    Both,
    /// A property.
    Property,
    /// No name at all.
    None,
}

/// A token of the code with what is known of its place.
#[derive(Clone, Copy, Debug)]
struct Placed<'s> {
    token: Token<'s>,
    role: Role,
    /// How many brackets are open around it.
    depth: usize,
}

/// The script with short names.
pub(super) fn shortened(script: &str) -> String {
    let tokens = tokens(script);
    let code: Vec<Token<'_>> = tokens.iter().copied().filter(|token| !is_space(*token)).collect();
    let placed = placed(&code);
    let statements = statements(&placed);
    let whole = whole_names(&placed, &statements);
    let mut names: Vec<Option<String>> = Vec::with_capacity(placed.len());
    for statement in &statements {
        let own = own_names(&code[statement.clone()], &placed[statement.clone()], &whole);
        names.extend(placed[statement.clone()].iter().map(|at| short_of(*at, &own, &whole.short)));
    }
    let mut names = names.into_iter();
    let mut out = String::with_capacity(script.len());
    for token in tokens {
        let short = if is_space(token) { None } else { names.next().flatten() };
        match (short, token) {
            (Some(short), _) => out.push_str(&short),
            (None, Token::Name(text) | Token::Text(text)) => out.push_str(text),
            (None, Token::Sign(sign)) => out.push(sign),
        }
    }
    out
}

fn short_of(at: Placed<'_>, own: &HashMap<&str, String>, whole: &HashMap<&str, String>) -> Option<String> {
    let Token::Name(name) = at.token else { return None };
    let short = own.get(name).or_else(|| whole.get(name))?;
    match at.role {
        Role::Variable => Some(short.clone()),
        Role::Both => Some(format!("{name}:{short}")),
        Role::Property | Role::None => None,
    }
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

/// What each token is in its place.
fn placed<'s>(code: &[Token<'s>]) -> Vec<Placed<'s>> {
    let mut open = Vec::new();
    let mut all = Vec::with_capacity(code.len());
    for (at, &token) in code.iter().enumerate() {
        let (before, after) = (at.checked_sub(1).and_then(|at| code.get(at)), code.get(at + 1));
        match token {
            Token::Sign('}' | ')' | ']') => drop(open.pop()),
            Token::Text(text) if text.starts_with('}') => drop(open.pop()),
            _ => {}
        }
        let role = match token {
            Token::Name(_) => {
                let is_member = is_sign(before, ".") && !(at > 1 && is_sign(code.get(at - 2), "."));
                let is_first = is_sign(before, "{,");
                let is_alone = is_first && open.last() == Some(&'{') && is_sign(after, ",}=");
                match () {
                    () if is_member || (is_first && is_sign(after, ":")) => Role::Property,
                    () if is_alone => Role::Both,
                    () => Role::Variable,
                }
            }
            _ => Role::None,
        };
        all.push(Placed { token, role, depth: open.len() });
        match token {
            Token::Sign('{') if is_block(before) => open.push('b'),
            Token::Sign(sign @ ('{' | '(' | '[')) => open.push(sign),
            Token::Text(text) if text.starts_with(['`', '}']) && text.ends_with("${") => open.push('`'),
            _ => {}
        }
    }
    all
}

/// True if a brace behind this token begins statements, and no object or pattern.
fn is_block(before: Option<&Token<'_>>) -> bool {
    is_sign(before, ")>") || matches!(before, Some(Token::Name("else" | "try" | "finally" | "catch" | "do")))
}

/// The top-level statements, in their order.
fn statements(code: &[Placed<'_>]) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    let mut start = 0;
    for (at, Placed { token, depth, .. }) in code.iter().enumerate() {
        let ends = *depth == 0
            && match (token, code.get(at + 1).map(|next| next.token)) {
                (_, None) | (Token::Sign(';'), _) => true,
                (Token::Sign('}'), Some(Token::Name(next))) => !GOES_ON.contains(&next),
                _ => false,
            };
        if ends {
            all.push(start..at + 1);
            start = at + 1;
        }
    }
    all.extend((start < code.len()).then_some(start..code.len()));
    all
}

/// What is known of the names that the whole script uses.
struct Whole<'s> {
    declared: HashSet<&'s str>,
    short: HashMap<&'s str, String>,
}

/// The names that top-level statements declare for all of them: the most frequent get the shortest.
fn whole_names<'s>(code: &[Placed<'s>], statements: &[std::ops::Range<usize>]) -> Whole<'s> {
    let declared: HashSet<&str> = statements.iter().flat_map(|range| declared_by(&code[range.clone()])).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut stay, mut taken): (HashSet<&str>, HashSet<&str>) = (HashSet::new(), RESERVED.into());
    for at in code {
        let Token::Name(name) = at.token else { continue };
        match at.role {
            Role::Both => drop(stay.insert(name)),
            Role::Variable if declared.contains(name) => *counts.entry(name).or_default() += 1,
            _ => {}
        }
        taken.insert(name);
    }
    let pays = |(name, uses): &(&str, usize)| *uses >= WHOLE_USES_MIN || !stay.contains(name);
    let mut names: Vec<(&str, usize)> = counts.into_iter().filter(pays).collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let short = capitals().chain(pairs()).filter(|short| !taken.contains(short.as_str()));
    Whole { declared, short: names.into_iter().map(|(name, _)| name).zip(short).collect() }
}

/// What a top-level statement declares for the others.
fn declared_by<'s>(code: &[Placed<'s>]) -> Vec<&'s str> {
    let mut names = Vec::new();
    let first = usize::from(matches!(code.first(), Some(Placed { token: Token::Name("async"), .. })));
    match code.get(first).map(|at| at.token) {
        Some(Token::Name("function")) => {
            let named = code.iter().skip(first + 1).find_map(|at| match at.token {
                Token::Name(name) => Some(name),
                _ => None,
            });
            names.extend(named);
        }
        Some(Token::Name("const" | "let")) => {
            let code: Vec<Token<'_>> = code.iter().map(|at| at.token).collect();
            names.extend(declarators(&code[first + 1..]));
        }
        _ => {}
    }
    names
}

/// The short names of what one statement alone declares, in the order in which they appear.
fn own_names<'s>(code: &[Token<'s>], placed: &[Placed<'s>], whole: &Whole<'s>) -> HashMap<&'s str, String> {
    let declared = declared(code);
    let (mut order, mut stay): (Vec<&str>, HashSet<&str>) = (Vec::new(), RESERVED.into());
    let uses = |name: Token<'_>, role: Role| placed.iter().filter(|at| at.token == name && at.role == role).count();
    let pays = |name| uses(name, Role::Both) == 0 || uses(name, Role::Variable) >= OWN_USES_MIN;
    let mut known = HashSet::new();
    for at in placed {
        let Token::Name(name) = at.token else { continue };
        if at.role == Role::Property || !known.insert(name) {
            continue;
        }
        let is_own = declared.contains(name) && !whole.declared.contains(name) && pays(at.token);
        if is_own {
            order.push(name);
        } else {
            stay.insert(whole.short.get(name).map_or(name, String::as_str));
        }
    }
    let short = small().chain(pairs()).filter(|short| !stay.contains(short.as_str()));
    order.into_iter().zip(short).collect()
}

fn is_space(token: Token<'_>) -> bool {
    matches!(token, Token::Sign(' ' | '\n'))
}

fn small() -> impl Iterator<Item = String> {
    ('a'..='z').map(String::from)
}

/// One statement's names have small letters, so these are the whole script's.
fn capitals() -> impl Iterator<Item = String> {
    ('A'..='Z').map(String::from)
}

/// `aa` to `zz`: more than a page has.
fn pairs() -> impl Iterator<Item = String> {
    ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| format!("{first}{second}")))
}

fn is_sign(token: Option<&Token<'_>>, signs: &str) -> bool {
    matches!(token, Some(Token::Sign(sign)) if signs.contains(*sign))
}

/// What is declared by `const`, `let` or `function`, as a parameter or by `catch`.
fn declared<'s>(code: &[Token<'s>]) -> HashSet<&'s str> {
    let mut declared = HashSet::new();
    for (at, token) in code.iter().enumerate() {
        match *token {
            Token::Name("const" | "let") => declared.extend(declarators(&code[at + 1..])),
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

/// The names of a declaration, from behind its `const` or `let`: plain ones, and those of a pattern.
fn declarators<'s>(code: &[Token<'s>]) -> Vec<&'s str> {
    let (mut names, mut depth, mut is_target) = (Vec::new(), 0_usize, true);
    for (at, token) in code.iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign('}' | ')' | ']') if depth == 0 => break,
            Token::Sign('}' | ')' | ']') => depth -= 1,
            Token::Sign(';') | Token::Name("of" | "in") if depth == 0 => break,
            Token::Sign('=') if depth == 0 => is_target = false,
            Token::Sign(',') if depth == 0 => is_target = true,
            Token::Name(name) if is_target && !is_sign(code.get(at + 1), ":") => names.push(*name),
            _ => {}
        }
    }
    names
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_nothing_else_is_shortened() {
        for (source, short) in [
            ("const first=1;let second=first;", "const A=1;let B=A;"),
            (
                "function* turn(one,[two,{three}]){return one+two+three;}",
                "function* A(a,[b,{three}]){return a+b+three;}",
            ),
            ("const list=[];list.length+other.list;", "const A=[];A.length+other.list;"),
            ("const key=1;f({key:2,...key});", "const A=1;f({key:2,...A});"),
            ("const all=[];f(...all);window.fetch(all);", "const A=[];f(...A);window.fetch(A);"),
            ("const name=1;g({name});", "const name=1;g({name});"),
            ("const said=`a ${word=>`b ${word} said`} ${said}`;", "const A=`a ${a=>`b ${a} said`} ${A}`;"),
            ("const mine=\"status\";const status=mine;", "const A=\"status\";const B=A;"),
            ("const word=s.replace(/word\\/`/g,\"\");", "const A=s.replace(/word\\/`/g,\"\");"),
            ("try{f();}catch(error){g(error);}", "try{f();}catch(a){g(a);}"),
            ("try{f();}catch{return null;}", "try{f();}catch{return null;}"),
            ("const on=(first,second=\"x\")=>first-second;", "const A=(a,b=\"x\")=>a-b;"),
            ("const {one,two:other}=f();other(one);", "const {one,two:A}=f();A(one);"),
            ("f((one)=>{let [two,three]=one,four=two;g(four.two);});", "f((a)=>{let [b,c]=a,d=b;g(d.two);});"),
            ("for(const id of ids){f(id);}g(id);", "for(const a of ids){f(a);}g(id);"),
        ] {
            assert_eq!(shortened(source), short);
        }
    }

    #[test]
    fn what_is_one_statements_own_has_the_same_letters_in_others() {
        let source = "function one(first){return two(first);}function two(second){return one(second,third);}";
        assert_eq!(shortened(source), "function A(a){return B(a);}function B(a){return A(a,third);}");
        let source = "let count=0;function add(more){count=count+more;return{count};}";
        assert_eq!(shortened(source), "let count=0;function A(a){count=count+a;return{count};}", "alone in braces");
        let source = "function add({count,more=1}){return count+count+count+more;}";
        assert_eq!(shortened(source), "function A({count:a,more=1}){return a+a+a+more;}", "written out where it pays");
        let source = "const size=1;const f=(size)=>size;g(size);";
        assert_eq!(shortened(source), "const A=1;const B=(A)=>A;g(A);", "the whole script's name goes before");
    }

    #[test]
    fn a_short_name_is_nobody_elses() {
        assert_eq!(shortened("const word=1;A(word);b.c(word);"), "const B=1;A(B);b.c(B);");
        assert_eq!(shortened("f((word)=>a(word,b.c,d));"), "f((c)=>a(c,b.c,d));");
    }
}
