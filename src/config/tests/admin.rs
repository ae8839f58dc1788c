//! Who may reach the admin listener: tokens, and the console.

use super::*;

#[test]
fn tokens_come_from_the_environment() {
    let named = "[[admin.tokens]]\nname = 'maria'\nrole = 'viewer'\ntoken_env = 'MARIA'\n[edge]";
    let admin = |text: &str| parse(text).unwrap_or_else(|error| panic!("{error}")).admin;
    let env = |name: &str| match name {
        "FAIRGATE_ADMIN_TOKEN" | "MARIA" => Some(format!("{name}-0123456789abcdef")),
        "SHORT" => Some("short".into()),
        _ => None,
    };
    let quick = admin(FILE).resolve(env).expect("a token");
    assert_eq!((quick[0].role, quick.len()), (Role::Sre, 1));
    assert_eq!(admin(FILE).resolve(|_| None), Ok(vec![]), "without a token the API stays closed");
    let maria = admin(&with("[edge]", named)).resolve(env).expect("a token");
    assert_eq!((maria[0].name.as_str(), maria[0].role), ("maria", Role::Viewer));
    assert!(!format!("{maria:?}").contains("0123456789abcdef"), "secrets are never printed");
    for source in ["SHORT", "NOT_SET"] {
        let text = with("[edge]", &format!("[admin]\ntoken_env = '{source}'\n[edge]"));
        let problems = admin(&text).resolve(env).expect_err("a problem");
        assert!(problems[0].contains(source), "{problems:?}");
    }
}

#[test]
fn a_console_that_others_reach_needs_tls_in_front() {
    let admin = |text: &str| with("[edge]", &format!("[admin]\n{text}\n[edge]"));
    let console = |text: &str| parse(&admin(text)).unwrap_or_else(|error| panic!("{error}")).admin.console;
    assert!(console("listen = '127.0.0.1:9090'") && console("listen = '[::1]:9090'"));
    assert!(!console("listen = '0.0.0.0:9090'"), "nobody asked for it");
    assert!(!console("console = false\nlisten = '127.0.0.1:9090'"));
    assert!(console("listen = '0.0.0.0:9090'\ntrusted_proxies = ['10.0.0.0/8']"));
    let open = admin("listen = '0.0.0.0:9090'\nconsole = true");
    assert_problem(&open, 4, "admin.console", &["without TLS", "trusted_proxies"]);
}
