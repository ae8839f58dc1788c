use super::*;

const PATIENCE: Duration = Duration::from_secs(5);

fn read(url: &str) -> Address {
    Address::read(url, PATIENCE).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refused(url: &str) -> String {
    Address::read(url, PATIENCE).expect_err("it is refused").to_string()
}

fn names(address: &Address) -> Vec<&str> {
    address.endpoints.iter().map(|endpoint| endpoint.name.as_str()).collect()
}

#[test]
fn what_is_ours_is_read_and_the_rest_is_left_to_the_driver() {
    let url = "postgresql://u:p%40ss@db:5433/shop?sslmode=require&channel_binding=require&pooler=transaction&options=-c%20a%3D1";
    let address = read(url);
    let config = &address.endpoints[0].config;
    assert_eq!(
        (address.sslmode, address.pooler, names(&address)),
        (SslMode::Require, Pooler::Transaction, vec!["db:5433"])
    );
    assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(&b"p@ss"[..])));
    assert_eq!((config.get_dbname(), config.get_options()), (Some("shop"), Some("-c a=1")));
    let words = read(r"host=db port=5433 sslmode = 'require' password='it\'s' user=u dbname=shop");
    assert_eq!((words.sslmode, names(&words)), (SslMode::Require, vec!["db:5433"]));
    assert_eq!(words.endpoints[0].config.get_password(), Some(&b"it's"[..]));
}

#[test]
fn without_a_word_tls_is_spoken_when_the_server_does() {
    assert_eq!(read("postgresql://u@db/shop").sslmode, SslMode::Prefer);
    assert!(read("postgresql://u@%2Frun%2Fpostgresql/shop?sslmode=require").endpoints[0].is_socket);
}

#[test]
fn each_server_is_asked_for_a_share_of_the_patience() {
    let address = read("postgresql://u@db1,db2:5433/shop?target_session_attrs=read-write");
    assert_eq!((names(&address), address.needs_writes), (vec!["db1:5432", "db2:5433"], Some(true)));
    for endpoint in &address.endpoints {
        assert_eq!((endpoint.config.get_hosts().len(), endpoint.config.get_ports().len()), (1, 1));
        assert_eq!(endpoint.config.get_connect_timeout(), Some(&Duration::from_millis(2500)));
    }
}

#[test]
fn root_certificates_are_asked_for_when_they_are_needed() {
    assert_eq!(read("postgresql://u@db/shop?sslrootcert=system").sslmode, SslMode::VerifyFull);
    let weak = refused("postgresql://u@db/shop?sslrootcert=system&sslmode=require");
    assert!(weak.contains("needs sslmode=verify-full"), "{weak}");
}

#[test]
fn what_is_not_understood_is_named() {
    for (parameter, told) in [
        ("sslmode=strict", "there is no sslmode=strict; there are disable, allow, prefer"),
        ("pooler=pgbouncer", "there is no pooler=pgbouncer"),
        ("target_session_attrs=standby", "target_session_attrs=standby leads to servers that take no bookings"),
        ("gssencmode=require", "gssencmode=require is not supported"),
        ("sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require"),
        ("service=shop", "service"),
    ] {
        let error = refused(&format!("postgresql://u@db/shop?{parameter}"));
        assert!(error.starts_with("the database URL is wrong: ") && error.contains(told), "{parameter}: {error}");
    }
    assert!(refused("a mistake").contains("neither a URL nor words"));
    assert!(refused("postgresql:///shop").contains("names no host"));
}
