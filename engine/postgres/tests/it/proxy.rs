//! Makes a test's server look like a distant one: TCP, a delay each way, TLS.

use std::sync::Arc;
use std::time::Duration;

use studio_postgres::Cluster;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// What a client sends when it wants TLS: length 8 and the code 80877103.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
}

impl Proxy {
    pub(crate) async fn start(
        cluster: &Cluster,
        delay: Duration,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let config = cluster.connect_config("postgres");
        let Some(tokio_postgres::config::Host::Unix(dir)) = config.get_hosts().first() else {
            unreachable!("our servers listen on Unix sockets only")
        };
        let socket = dir.join(".s.PGSQL.5432");
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server's socket");
                tokio::spawn(serve(client, server, delay, tls.clone()));
            }
        });
        Self { port }
    }

    pub(crate) fn url(&self, query: &str) -> String {
        format!("postgres://postgres@localhost:{}/postgres?{query}", self.port)
    }
}

async fn serve(
    mut client: TcpStream,
    server: UnixStream,
    delay: Duration,
    tls: Option<Arc<rustls::ServerConfig>>,
) {
    let mut start = [0; 8];
    if client.peek(&mut start).await.is_ok_and(|count| count == 8) && start == TLS_REQUEST {
        client.read_exact(&mut start).await.expect("a request for TLS");
        client.write_all(if tls.is_some() { b"S" } else { b"N" }).await.expect("an answer");
        if let Some(tls) = tls {
            // A client that does not trust the certificate ends the handshake.
            if let Ok(client) = TlsAcceptor::from(tls).accept(client).await {
                relay(client, server, delay).await;
            }
            return;
        }
    }
    relay(client, server, delay).await;
}

async fn relay(client: impl AsyncRead + AsyncWrite + Send + 'static, server: UnixStream, delay: Duration) {
    let (client_read, client_write) = tokio::io::split(client);
    let (server_read, server_write) = server.into_split();
    tokio::join!(copy(client_read, server_write, delay), copy(server_read, client_write, delay));
}

/// Bytes leave `delay` after they came, however many are under way.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, delay: Duration) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(tokio::time::Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = vec![0; 65536];
        while let Ok(count) = from.read(&mut buffer).await {
            if count == 0
                || sender.send((tokio::time::Instant::now() + delay, buffer[..count].to_vec())).is_err()
            {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(at).await;
            if to.write_all(&bytes).await.and(to.flush().await).is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
