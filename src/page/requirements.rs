//! What an organizer's template has to have, and what it cannot have.
//!
//! Guarantees:
//! - where a template carries the page's script it has every element that the script writes to
//! - and whatever the page's Content-Security-Policy would block in a browser is named here, before a fan sees the gap

use std::collections::BTreeSet;

use html5gum::{StartTag, State, Token, Tokenizer};

use super::PageError;
use super::template::SHIPPED;

/// What each mistake of this kind is mended with.
const EMBED: &str = "embed it: pictures as data: URIs or from the same host, styles in <style>, scripts in <script>";

/// Checks a document that was rendered with some ends: one for each state of a visitor.
///
/// # Errors
/// The first thing that is missing or would be blocked.
pub(super) fn check<'t>(
    file: &str,
    head: &str,
    tails: impl IntoIterator<Item = &'t str>,
    script: &str,
) -> Result<(), PageError> {
    let (shared, needed) = (ids(file, head)?, needed(script));
    for tail in tails {
        let own = ids(file, tail)?;
        let missing: Vec<_> = needed.iter().filter(|id| !shared.contains(*id) && !own.contains(*id)).cloned().collect();
        if !missing.is_empty() && (head.contains(script) || tail.contains(script)) {
            return Err(PageError::MissingElements { file: file.to_owned(), ids: missing });
        }
    }
    Ok(())
}

/// The ids of a part's elements, none of which a browser would block.
fn ids(file: &str, html: &str) -> Result<BTreeSet<String>, PageError> {
    let mut ids = BTreeSet::new();
    for tag in tags(html) {
        if let Some(what) = blocked(&tag) {
            return Err(PageError::Blocked { file: file.to_owned(), what, remedy: EMBED });
        }
        ids.extend(attribute(&tag, "id"));
    }
    Ok(ids)
}

/// The ids that the script finds its elements by.
fn needed(script: &str) -> Vec<String> {
    let named = |id: &String| script.contains(&format!("\"{id}\""));
    // Those of the page that ships are all that there are.
    tags(SHIPPED).filter_map(|tag| attribute(&tag, "id")).filter(named).collect()
}

/// The elements of a document, those in `<noscript>` included, which browsers without scripts see.
fn tags(html: &str) -> impl Iterator<Item = StartTag<()>> {
    let mut tokens = Tokenizer::new(html);
    std::iter::from_fn(move || {
        loop {
            let Ok(Token::StartTag(tag)) = tokens.next()? else { continue };
            match tag.name.as_slice() {
                b"script" => tokens.set_state(State::ScriptData),
                b"style" => tokens.set_state(State::RawText),
                b"title" | b"textarea" => tokens.set_state(State::RcData),
                _ => {}
            }
            return Some(tag);
        }
    })
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    let value = tag.attributes.get(name.as_bytes())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// What the page's policy would keep a browser from doing with an element, in words.
fn blocked(tag: &StartTag<()>) -> Option<String> {
    let name = String::from_utf8_lossy(&tag.name).into_owned();
    let of = |key: &str, says: &str| attribute(tag, key).map(|value| format!("<{name} {key}=\"{value}\"> {says}"));
    let elsewhere = |key: &str| attribute(tag, key).filter(|address| is_elsewhere(address));
    let stylesheet = || attribute(tag, "rel").is_some_and(|rel| rel.to_ascii_lowercase().contains("stylesheet"));
    let what = match name.as_str() {
        "script" => of("src", "is not loaded"),
        "link" if stylesheet() => of("href", "is not loaded"),
        "img" | "image" | "source" => elsewhere("src").and_then(|_| of("src", "is not loaded")),
        "iframe" | "object" | "embed" | "video" | "audio" => Some(format!("<{name}> is not loaded")),
        "form" => elsewhere("action").and_then(|_| of("action", "is not sent")),
        "base" => Some("<base> is ignored".to_owned()),
        _ => None,
    };
    what.or_else(|| of("style", "is ignored: an attribute has no hash")).or_else(|| handler(tag, &name))
}

/// An event handler as an attribute.
fn handler(tag: &StartTag<()>, name: &str) -> Option<String> {
    let key = tag.attributes.keys().map(|key| String::from_utf8_lossy(key)).find(|key| key.starts_with("on"))?;
    Some(format!("<{name} {key}=…> never runs"))
}

/// True if an address is another host's. The page's own host is `'self'`, and `data:` is allowed for pictures.
fn is_elsewhere(address: &str) -> bool {
    let address = address.trim().to_ascii_lowercase();
    ["http:", "https:", "//"].iter().any(|prefix| address.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "$(\"leave\");$(\"say\")";

    fn judge(html: &str) -> Result<(), PageError> {
        check("page.html", html, ["</html>"], SCRIPT)
    }

    fn says(html: &str) -> String {
        judge(html).expect_err(html).to_string()
    }

    #[test]
    fn an_end_is_looked_at_like_the_rest() {
        let head = format!("<p id=leave></p><script>{SCRIPT}</script>");
        let whole = check("page.html", &head, ["<p id=say>", "<p id='say'>"], SCRIPT);
        assert!(whole.is_ok());
        let error = check("page.html", &head, ["<p id=say>", "<p>"], SCRIPT).expect_err("one end lacks it");
        assert!(error.to_string().contains("id=\"say\""), "{error}");
        let error = check("page.html", &head, ["<p id=say><iframe>"], SCRIPT).expect_err("blocked");
        assert!(error.to_string().contains("<iframe>"), "{error}");
    }

    #[test]
    fn the_elements_that_the_script_writes_to_are_needed_where_the_script_is() {
        let whole = format!("<p id=leave></p><p id='say'></p><script>{SCRIPT}</script>");
        assert!(judge(&whole).is_ok());
        let error = says(&whole.replace("id=leave", "class=leave"));
        assert!(
            error.contains("page.html: ") && error.contains("id=\"leave\"") && !error.contains("\"say\""),
            "{error}"
        );
        assert!(error.contains("fairgate page eject"), "{error}");
        assert!(judge("<p>no script</p>").is_ok());
        assert!(needed(SCRIPT).len() == 2, "and none that the script does not name");
    }

    #[test]
    fn what_the_policy_blocks_is_named() {
        for (html, words) in [
            ("<script src=/x.js></script>", "<script src=\"/x.js\">"),
            ("<link rel=Stylesheet href=a.css>", "<link href=\"a.css\">"),
            ("<img src=\"https://cdn.example/logo.png\">", "cdn.example/logo.png"),
            ("<img src=//cdn.example/logo.png>", "cdn.example/logo.png"),
            ("<p style='color:red'>", "<p style=\"color:red\">"),
            ("<button onclick='f()'>", "<button onclick=…> never runs"),
            ("<iframe src=/x>", "<iframe>"),
            ("<form action=https://elsewhere.example>", "is not sent"),
        ] {
            let error = says(html);
            assert!(error.contains(words) && error.contains("embed it"), "{html}: {error}");
        }
        for html in ["<img src='data:image/png;base64,AA=='>", "<img src=/logo.png>", "<link rel=icon href='data:,'>"] {
            assert!(judge(html).is_ok(), "{html}");
        }
        assert!(judge("<script>'<img src=//x>'</script>").is_ok(), "text of a script is no element");
    }
}
