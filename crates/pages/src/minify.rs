//! A page's own script and style without the spaces and line ends that mean nothing: a tenth of what is left to compress.
//!
//! Guarantees: strings, templates and regular expressions stay to the byte; a line end stays wherever a statement could end
//! by it. Comments are gone before, a division never stands where an expression could begin, and an expression that ends in
//! a brace has its `;`: sources keep to that.

/// A script.
pub(super) fn script(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '"' | '\'' => quoted(rest, next),
            '`' => template(rest),
            '/' if begins_expression(&out) => regular_expression(rest),
            ' ' | '\n' => {
                rest = &rest[1..];
                if means_something(next, out.chars().next_back(), rest.chars().next()) {
                    out.push(next);
                }
                continue;
            }
            other => other.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// A style sheet.
pub(super) fn style(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            let length = quoted(rest, next);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        rest = &rest[next.len_utf8()..];
        if !next.is_whitespace() {
            out.push(next);
            continue;
        }
        let (before, after) = (out.chars().next_back(), rest.chars().next());
        if !(before.is_none_or(|c| "{};,: ".contains(c)) || after.is_none_or(|c| "{} \n".contains(c))) {
            out.push(' ');
        }
    }
    out
}

/// True if a space or a line end between these two characters separates anything.
fn means_something(space: char, before: Option<char>, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    if space == '\n' {
        return !"{}([,;=?:&|\n".contains(before) && !"})],;?:&|.\n".contains(after);
    }
    let is_word = |c: char| c.is_alphanumeric() || "_$".contains(c);
    (is_word(before) && is_word(after)) || (before == after && "+-".contains(before))
}

/// True if what follows this code begins an expression, so that a `/` begins a regular expression.
pub(super) fn begins_expression(code: &str) -> bool {
    code.trim_end().chars().next_back().is_none_or(|last| "(,=:;[!&|?{}".contains(last))
}

/// The length of a string with its quotes.
pub(super) fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a regular expression up to its second `/`; its flags are words like any other.
pub(super) fn regular_expression(text: &str) -> usize {
    let (mut escaped, mut in_class) = (false, false);
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '/' && !escaped && !in_class;
        match c {
            '[' if !escaped => in_class = true,
            ']' if !escaped => in_class = false,
            _ => {}
        }
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a template, with the templates in its expressions.
fn template(text: &str) -> usize {
    let mut at = 1;
    while let Some(next) = text[at..].chars().next() {
        at += match next {
            '`' => return at + 1,
            '\\' => 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '$' if text[at..].starts_with("${") => 2 + expression(&text[at + 2..]),
            other => other.len_utf8(),
        };
    }
    text.len()
}

/// The length of a template's expression with the brace that ends it.
fn expression(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(next) = text[at..].chars().next() {
        at += match next {
            '"' | '\'' => quoted(&text[at..], next),
            '`' => template(&text[at..]),
            '}' if depth == 0 => return at + 1,
            other => {
                depth = match other {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                other.len_utf8()
            }
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_nothing_goes() {
        for (source, short) in [
            ("const a = { b: 1, c: [2, 3] };\n", "const a={b:1,c:[2,3]};"),
            ("x = y + +z - -w;\n", "x=y+ +z- -w;"),
            ("return a\n(b)\n", "return a\n(b)"),
            (
                "f(\"a  b\", 'c \\' d', `e  ${g({ h: `i  j` })}  k`);",
                "f(\"a  b\",'c \\' d',`e  ${g({ h: `i  j` })}  k`);",
            ),
            ("s.replace(/ [/\"] \\/ /g, \" \");", "s.replace(/ [/\"] \\/ /g,\" \");"),
            ("a / b / c", "a/b/c"),
            ("function a() {\n  b();\n}\nc();\n", "function a(){b();}c();"),
            ("if (a)\nb();\nelse c();\n", "if(a)\nb();else c();"),
            ("x\n.y()\n? 1\n: 2;\n", "x.y()?1:2;"),
            ("for (const a of [1]) case \"b\": typeof 'c'", "for(const a of[1])case\"b\":typeof'c'"),
        ] {
            assert_eq!(script(source), short);
        }
    }

    #[test]
    fn styles_keep_their_combinators_and_sums() {
        let source = "p :is(a, b) > i {\n  width: calc(1px + 2px);\n  content: \"a  {\";\n}\n@media (x: 1) and (y) {\n  a {\n  }\n}\n";
        let short = "p :is(a,b) > i{width:calc(1px + 2px);content:\"a  {\";}@media (x:1) and (y){a{}}";
        assert_eq!(style(source), short);
    }
}
