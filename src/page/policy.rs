//! The page's Content-Security-Policy: its own inline style and script by hash, and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use ring::digest::{SHA256, digest};

use super::entry::{EntryPage, Provider};

/// The header for a document.
pub(super) fn header(html: &str, frame_ancestors: &[String]) -> HeaderValue {
    value(&policy(html, frame_ancestors))
}

/// The header for the waiting page. Scripts that it loads are those that its inline script asks for, and what these ask for:
/// `'strict-dynamic'` passes on the trust in the hash, and no other script of this origin is let run.
pub(super) fn of_waiting(html: &str, frame_ancestors: &[String], entry: &EntryPage) -> HeaderValue {
    let from = |sources: fn(Provider) -> &'static str| -> String {
        entry
            .providers
            .iter()
            .map(|provider| sources(*provider))
            .filter(|text| !text.is_empty())
            .map(with_space)
            .collect()
    };
    let policy = policy(html, frame_ancestors);
    let (styles, frames) = (from(Provider::styles_and_calls), from(Provider::frames));
    let policy = policy
        .replacen("; style-src ", &format!(" 'strict-dynamic'{}; style-src ", from(Provider::scripts)), 1)
        .replacen("; img-src ", &format!("{styles}; img-src "), 1)
        .replacen("; form-action ", &format!("{styles}; form-action "), 1);
    let frames = if frames.is_empty() { String::new() } else { format!("; frame-src{frames}") };
    value(&format!("{policy}; worker-src 'self'{frames}"))
}

fn with_space(text: &str) -> String {
    format!(" {text}")
}

/// The header for a document that runs scripts of its own origin in workers, which see neither the page nor its storage.
pub(super) fn with_workers(html: &str, frame_ancestors: &[String]) -> HeaderValue {
    value(&format!("{}; worker-src 'self'", policy(html, frame_ancestors)))
}

fn policy(html: &str, frame_ancestors: &[String]) -> String {
    let frames = if frame_ancestors.is_empty() { "'none'".to_owned() } else { frame_ancestors.join(" ") };
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data: 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors {frames}; base-uri 'none'",
        sources(html, "script"),
        sources(html, "style"),
    )
}

/// Hashes are base64 and the rest is text of this file: always a valid header.
fn value(policy: &str) -> HeaderValue {
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The header for a page that sends a fan's form on. Where it may go is not limited: browsers hold redirects to that, too, and a
/// shop redirects to a bank. The form's address is the gate's own word.
pub(super) fn of_form(html: &str) -> HeaderValue {
    let (script, style) = (sources(html, "script"), sources(html, "style"));
    value(&format!(
        "default-src 'none'; script-src {script}; style-src {style}; frame-ancestors 'none'; base-uri 'none'"
    ))
}

/// The header for a page that runs the gate's own script, which proves a key. It may send a form on, like [`of_form`]'s.
pub(super) fn of_proof(html: &str) -> HeaderValue {
    let style = sources(html, "style");
    value(&format!(
        "default-src 'none'; script-src 'self'; connect-src 'self'; style-src {style}; frame-ancestors 'none'; base-uri 'none'"
    ))
}

/// The hash of every inline element of that name, as CSP sources.
fn sources(html: &str, element: &str) -> String {
    let hashes: Vec<String> = inline(html, element)
        .map(|text| format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes()))))
        .collect();
    if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") }
}

/// The text of every element of that name. Data blocks are hashed, too: harmless, and simpler than telling them apart.
fn inline<'a>(html: &'a str, element: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let mut rest = html;
    std::iter::from_fn(move || {
        let start = rest.find(&open)?;
        let body = start + rest[start..].find('>')? + 1;
        let end = body + rest[body..].find(&close)?;
        let text = &rest[body..end];
        rest = &rest[end..];
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waiting_page_runs_what_its_own_script_loads_and_frames_of_its_providers() {
        let html = "<style>a</style><script>b</script>";
        let of = |entry: EntryPage| of_waiting(html, &[], &entry).to_str().expect("ASCII").to_owned();
        let plain = of(EntryPage::default());
        assert_eq!(plain.replace(" 'strict-dynamic'", ""), with_workers(html, &[]).to_str().expect("ASCII"));
        assert!(plain.contains(" 'strict-dynamic'; style-src"), "{plain}");
        let providers = vec![Provider::Turnstile, Provider::HCaptcha];
        let framed = of(EntryPage { providers, ..EntryPage::default() });
        let part = |name: &str| framed.split("; ").find(|part| part.starts_with(name)).expect("a directive").to_owned();
        assert!(part("script-src").contains("'strict-dynamic' https://challenges.cloudflare.com https://hcaptcha.com"));
        let frames = "frame-src https://challenges.cloudflare.com https://hcaptcha.com https://*.hcaptcha.com";
        assert_eq!(part("frame-src"), frames);
        assert_eq!(part("connect-src"), "connect-src 'self' https://hcaptcha.com https://*.hcaptcha.com");
        assert!(part("style-src").ends_with("' https://hcaptcha.com https://*.hcaptcha.com"));
    }

    #[test]
    fn each_inline_element_is_allowed_by_its_hash() {
        let html = "<style>a{}</style><script type=\"module\">f()</script><script>g()</script>";
        let policy = header(html, &[]);
        let policy = policy.to_str().expect("ASCII");
        // `printf 'f()' | openssl dgst -sha256 -binary | base64`, and so on.
        assert!(policy.contains("style-src 'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='"), "{policy}");
        assert_eq!(policy.matches("'sha256-").count(), 3, "{policy}");
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none';"));
        let framed = header(html, &["https://a.example".to_owned(), "https://b.example".to_owned()]);
        assert!(framed.to_str().expect("ASCII").contains("frame-ancestors https://a.example https://b.example;"));
    }

    #[test]
    fn workers_come_from_the_same_host_and_add_nothing_else() {
        let html = "<script>f()</script>";
        let (plain, with_workers) = (header(html, &[]), with_workers(html, &[]));
        let plain = plain.to_str().expect("ASCII");
        assert_eq!(with_workers.to_str().expect("ASCII"), format!("{plain}; worker-src 'self'"));
        assert!(!plain.contains("worker-src"));
    }

    #[test]
    fn a_page_without_scripts_allows_none() {
        let policy = header("<p>hello", &[]);
        assert!(policy.to_str().expect("ASCII").contains("script-src 'none'; style-src 'none';"));
    }
}
