//! TLS to a server behind a proxy that speaks it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use studio_postgres::wire::SessionOptions;
use studio_postgres::{Cluster, ClusterKind, Connection, DbError, Target};

use crate::proxy::Proxy;
use crate::support::{cell, config};

/// An authority of our own, in a file, and a server certificate of it.
struct Certificates {
    folder: tempfile::TempDir,
    server: Arc<rustls::ServerConfig>,
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
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server");
        Self { folder, server: Arc::new(server) }
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
