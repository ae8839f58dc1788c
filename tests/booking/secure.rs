//! Postgres that takes TLS only: what `sslmode` and its like mean is compared with `psql`.

use std::fs;
use std::path::Path;
use std::process::Command;

use fairgate_booking::db::Database;
use fairgate_testkit::{PostgresSetup, PrivatePostgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::shop::{Env, Shop, free_address};

const HBA: &str = "local all all trust\n\
                   hostssl all fairgate 127.0.0.1/32 scram-sha-256\n\
                   hostssl all usher 127.0.0.1/32 cert\n";

/// A Postgres that takes TLS only, and what its clients may know of it.
struct Secured {
    postgres: PrivatePostgres,
    port: u16,
    files: TempDir,
}

/// What a server shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// A certificate for `localhost` by an authority.
    Signed,
    /// The same by itself.
    SelfSigned,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn named(common: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![common.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, common);
    params
}

impl Secured {
    async fn start(shown: Shown) -> Self {
        let (authority, key, client_key) =
            (authority("ours"), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let server = match shown {
            Shown::Signed => named("localhost").signed_by(&key, &authority).unwrap(),
            Shown::SelfSigned => {
                // As `openssl req -x509` makes them.
                let mut params = named("localhost");
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.self_signed(&key).unwrap()
            }
        };
        let client = named("usher").signed_by(&client_key, &authority).unwrap();
        let files = tempfile::tempdir().unwrap();
        let known = match shown {
            Shown::Signed => authority.pem(),
            Shown::SelfSigned => server.pem(),
        };
        for (name, text) in [
            ("root.crt", known),
            ("other.crt", self::authority("theirs").pem()),
            ("usher.crt", client.pem()),
            ("usher.key", client_key.serialize_pem()),
        ] {
            fs::write(files.path().join(name), text).unwrap();
            private(&files.path().join(name));
        }
        let port = fairgate_testkit::free_port().unwrap();
        let settings = ["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=authority.crt"];
        let postgres = Shop::postgres(PostgresSetup {
            settings: settings.map(str::to_owned).to_vec(),
            files: vec![
                ("server.crt", server.pem()),
                ("server.key", key.serialize_pem()),
                ("authority.crt", authority.pem()),
                ("pg_hba.conf", HBA.to_owned()),
            ],
            port: Some(port),
        });
        let sql = Database::new(&postgres.url()).unwrap().own_connection().await.unwrap();
        sql.batch_execute("alter role fairgate password 'open sesame'; create role usher login").await.unwrap();
        Self { postgres, port, files }
    }

    fn url(&self, host: &str, parameters: &str) -> String {
        let parameters = parameters.replace("DIR", &self.files.path().to_string_lossy());
        format!("postgresql://fairgate:open%20sesame@{host}:{}/postgres?{parameters}", self.port)
    }

    /// True if we get in over TLS; the error says why not.
    async fn knock(&self, url: &str) -> Result<bool, String> {
        let connected = match Database::new(url) {
            Ok(database) => database.own_connection().await,
            Err(error) => Err(error),
        };
        let client = connected.map_err(|error| error.to_string())?;
        let row = client.query_one("select ssl from pg_stat_ssl where pid = pg_backend_pid()", &[]).await;
        Ok(row.expect("it is asked").get(0))
    }

    /// True if `psql` gets in.
    fn psql(&self, url: &str) -> bool {
        let mut psql = Command::new(self.postgres.programs().join("psql"));
        // No files of whoever runs this.
        psql.arg(url).args(["-Atc", "select 1"]).env("HOME", self.files.path());
        psql.output().expect("psql runs").status.success()
    }

    /// Asks us and `psql`; `told` is what we say when we do not get in.
    async fn compare(&self, host: &str, parameters: &str, told: Option<&str>) {
        let url = self.url(host, parameters);
        let knocked = self.knock(&url).await;
        assert_eq!(self.psql(&url), knocked.is_ok(), "psql differs with {url}: {knocked:?}");
        match (knocked, told) {
            (Ok(over_tls), None) => assert!(over_tls, "{url}"),
            (Err(error), Some(told)) => assert!(error.contains(told), "{url}: {error}"),
            (knocked, told) => panic!("{url}: {knocked:?} instead of {told:?}"),
        }
    }
}

fn private(file: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sslmode_means_what_it_means_to_psql() {
    let server = Secured::start(Shown::Signed).await;
    let tls_only = "the server takes TLS only: set sslmode=require";
    let nobody = "other.crt vouches for the server: name the certificate of its authority with sslrootcert=";
    let other_name = "connect by a name that is in the server's certificate";
    for (host, parameters, told) in [
        ("localhost", "sslmode=disable", Some(tls_only)),
        ("localhost", "", None),
        ("localhost", "sslmode=allow", None),
        ("localhost", "sslmode=prefer", None),
        ("localhost", "sslmode=require", None),
        ("localhost", "sslmode=require&channel_binding=require", None),
        ("localhost", "sslmode=require&sslrootcert=DIR/root.crt", None),
        ("localhost", "sslmode=require&sslrootcert=DIR/other.crt", Some(nobody)),
        ("localhost", "sslmode=verify-ca&sslrootcert=DIR/root.crt", None),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=DIR/root.crt", None),
        ("localhost", "sslmode=verify-ca&sslrootcert=DIR/other.crt", Some(nobody)),
        ("localhost", "sslmode=verify-full&sslrootcert=DIR/root.crt", None),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=DIR/root.crt", Some(other_name)),
        ("localhost", "sslmode=verify-full&sslrootcert=DIR/none.crt", Some("sslrootcert: ")),
    ] {
        server.compare(host, parameters, told).await;
    }
    let usher = server.url("localhost", "sslmode=verify-full&sslrootcert=DIR/root.crt");
    let usher = usher.replace("fairgate:open%20sesame", "usher");
    assert!(server.knock(&usher).await.is_err_and(|error| error.contains("client certificate")));
    let dir = server.files.path().display();
    let usher = format!("{usher}&sslcert={dir}/usher.crt&sslkey={dir}/usher.key");
    assert_eq!((server.psql(&usher), server.knock(&usher).await), (true, Ok(true)));
    let wrong = server.url("localhost", "sslmode=require").replace("sesame", "wheat");
    assert!(server.knock(&wrong).await.is_err_and(|error| error.contains("password authentication failed")));
    let system = server.knock(&server.url("localhost", "sslrootcert=system")).await;
    assert!(system.is_err_and(|error| error.contains("this machine")), "nobody here knows the test's authority");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_signs_for_itself_is_believed_when_its_certificate_is_the_root() {
    let server = Secured::start(Shown::SelfSigned).await;
    let nobody = "other.crt vouches for the server";
    for (host, parameters, told) in [
        ("localhost", "sslmode=require&channel_binding=require", None),
        ("localhost", "sslmode=verify-full&sslrootcert=DIR/root.crt", None),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=DIR/root.crt", Some("subjectAltName")),
        ("localhost", "sslmode=verify-ca&sslrootcert=DIR/other.crt", Some(nobody)),
    ] {
        server.compare(host, parameters, told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_sells_over_tls_alone() {
    let server = Secured::start(Shown::Signed).await;
    let url = server.url("localhost", "sslmode=verify-full&sslrootcert=DIR/root.crt&channel_binding=require");
    let shop = Shop::open_at(server.postgres, url, &free_address(), Env::new());
    let fan = shop.fan(1);
    assert_eq!(fan.reserve_best("one", "pit", 2).await.status, StatusCode::OK);
    let sql = shop.sql().await;
    let plain = "select count(*) filter (where not ssl), count(*), count(*) filter (where query ilike 'listen%') \
                 from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null";
    let row = sql.query_one(plain, &[]).await.expect("counts");
    let [plain, all, listening] = [0, 1, 2].map(|column| row.get::<_, i64>(column));
    // The change feed listens, and whoever counts sales.
    assert!(plain == 0 && all > 2 && listening == 2, "{plain} of {all} without TLS, {listening} listening");
}
