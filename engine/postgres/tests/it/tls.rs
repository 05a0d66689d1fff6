//! TLS to a server behind a proxy that speaks it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use studio_postgres::wire::SessionOptions;
use studio_postgres::{Cluster, ClusterKind, Connection, DbError, Target};

use crate::proxy::Proxy;
use crate::support::{self, Project, cell, config};

/// An authority of our own, in a file, and a server certificate of it.
struct Certificates {
    folder: tempfile::TempDir,
    server: Arc<rustls::ServerConfig>,
    certificate: String,
    key: String,
}

impl Certificates {
    fn new(server_name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("an authority");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("root.pem"), authority.pem()).expect("a file");
        let issuer = Issuer::new(params, key);

        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![server_name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        let key_text = key.serialize_pem();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server");
        Self { folder, server: Arc::new(server), certificate: certificate.pem(), key: key_text }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }
}

async fn connect(proxy: &Proxy, query: &str) -> Result<Connection, DbError> {
    let target = Target::from_url(&proxy.url(query)).expect(query);
    Connection::connect(&target, &SessionOptions::default()).await
}

#[tokio::test]
async fn the_server_is_checked_as_much_as_the_url_says() {
    let cluster = Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server");
    let ours = Certificates::new("localhost");
    let elsewhere = Certificates::new("db.example.com");
    let stranger = Certificates::new("localhost");
    let root = |it: &Certificates| format!("sslrootcert={}", it.root().display());

    let proxy = Proxy::start(&cluster, Duration::ZERO, Some(Arc::clone(&ours.server))).await;
    let good = [
        "sslmode=require".to_owned(),
        "ssl=true".to_owned(),
        String::new(),
        format!("sslmode=verify-ca&{}", root(&ours)),
        format!("sslmode=verify-full&{}", root(&ours)),
    ];
    for query in &good {
        let connection = connect(&proxy, query).await.expect(query);
        assert_eq!(cell(&connection, "select 1").await, "1");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let query = format!("sslmode={mode}&{}", root(&stranger));
        let error = connect(&proxy, &query).await.expect_err("another authority");
        assert!(error.to_string().contains("certificate"), "{query}: {error}");
    }

    let proxy = Proxy::start(&cluster, Duration::ZERO, Some(Arc::clone(&elsewhere.server))).await;
    let query = format!("sslmode=verify-ca&{}", root(&elsewhere));
    connect(&proxy, &query).await.expect("the name does not matter");
    let query = format!("sslmode=verify-full&{}", root(&elsewhere));
    let error = connect(&proxy, &query).await.expect_err("another name");
    assert!(error.to_string().contains("not valid for name"), "{error}");

    let proxy = Proxy::start(&cluster, Duration::ZERO, None).await;
    connect(&proxy, "sslmode=prefer").await.expect("a connection without TLS");
    connect(&proxy, "sslmode=require").await.expect_err("the server has no TLS");
    cluster.stop().await;
}

/// A server that speaks TLS itself and asks for a password.
#[tokio::test]
async fn passwords_are_bound_to_the_encrypted_channel() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = support::connect(&cluster).await;
    connection.batch_execute("create role alice login password 'it is''s a secret'").await.expect("a role");
    drop(connection);
    let (data, bin) = (cluster.state_dir().join("data"), cluster.install_dir().join("bin/postgres"));
    cluster.stop().await;

    let ours = Certificates::new("localhost");
    std::fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n").expect("a file");
    for (name, text) in [("server.crt", &ours.certificate), ("server.key", &ours.key)] {
        let path = data.join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("permissions");
        let owner = std::fs::metadata(&data).expect("a folder");
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).expect("an owner");
    }
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let mut command = std::process::Command::new(bin);
    command.arg("-D").arg(&data).arg("-p").arg(port.to_string()).current_dir("/");
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "ssl=on"] {
        command.args(["-c", setting]);
    }
    if std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0) {
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    }
    let null = std::process::Stdio::null;
    let mut server = command.stdin(null()).stdout(null()).stderr(null()).spawn().expect("a server");
    let begin = Instant::now();
    while !std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|it| it.contains("ready")) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the server does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let connect = async |password: &str, query: &str| {
        let url = format!("postgres://alice:{password}@localhost:{port}/postgres?{query}");
        Connection::connect(&Target::from_url(&url).expect(query), &SessionOptions::default()).await
    };
    let root = format!("sslmode=verify-full&sslrootcert={}&channel_binding=require", ours.root().display());
    let secret = "it%20is's%20a%20secret";
    let results = [
        connect(secret, &root).await.map(drop),
        connect(secret, "sslmode=require&channel_binding=disable").await.map(drop),
        connect(secret, "sslmode=disable").await.map(drop),
        connect("wrong", &root).await.map(drop),
    ];
    // An orderly end, so that it takes its shared memory with it.
    support::signal("-INT", server.id());
    server.wait().expect("an exit status");
    let codes = results.map(|result| result.map_err(|error| error.sqlstate().unwrap_or_default().to_owned()));
    assert_eq!(codes, [Ok(()), Ok(()), Err("28000".to_owned()), Err("28P01".to_owned())]);
}
