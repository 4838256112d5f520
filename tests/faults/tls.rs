//! Certificates: one that holds is taken, one that does not ends the run, and nothing helps it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::program::Said;
use crate::shell::{Shell, ended};

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for this place, changed as the test wants, and its key.
    fn vouches(&self, change: impl FnOnce(&mut CertificateParams)) -> Vouched {
        let mut params = CertificateParams::new([]).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key)
    }
}

type Vouched = (CertificateDer<'static>, KeyPair);

/// The sandbox behind TLS: the port.
async fn front(shell: &Shell, (certificate, key): Vouched) -> u16 {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(settings));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let origin = shell.sandbox.origin().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, origin) = (acceptor.clone(), origin.clone());
            tokio::spawn(async move {
                // The client hangs up where it does not trust us, as it should.
                let Ok(mut inside) = acceptor.accept(stream).await else {
                    return;
                };
                let mut outside = TcpStream::connect(origin).await.unwrap();
                let _ = copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    port
}

/// A run against the sandbox behind this certificate, on a machine that trusts `trusted`.
async fn run(shell: &Shell, trusted: &Authority, vouched: Vouched) -> Said {
    let port = front(shell, vouched).await;
    let authorities = shell.path("authorities.pem");
    std::fs::write(&authorities, trusted.0.pem()).unwrap();
    let mut command = shell.command(&["--once"]);
    command.env("SSL_CERT_FILE", authorities).env(
        "TWSYNC_API__BASE_URL",
        format!("https://127.0.0.1:{port}/api/billing/v1"),
    );
    ended(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_the_machine_trusts_is_taken() {
    let (shell, authority) = (Shell::of(20).await, Authority::new());
    let vouched = authority.vouches(|_| {});
    run(&shell, &authority, vouched).await.exits(0);
    shell.is_whole().await;
}

/// A certificate that does not hold: nothing is asked for, and nothing retried.
async fn is_refused(trusted: &Authority, vouched: Vouched) {
    let shell = Shell::of(20).await;
    let said = run(&shell, trusted, vouched).await.exits(69);
    said.says("the server's certificate is not valid");
    assert_eq!(shell.sandbox.requests().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_ends_the_run() {
    let authority = Authority::new();
    let expired = authority.vouches(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    is_refused(&authority, expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_host_ends_the_run() {
    let authority = Authority::new();
    let others = authority.vouches(|params| {
        let name = "apis.threatwinds.com".try_into().unwrap();
        params.subject_alt_names = vec![SanType::DnsName(name)];
    });
    is_refused(&authority, others).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_ends_the_run() {
    let vouched = Authority::new().vouches(|_| {});
    is_refused(&Authority::new(), vouched).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn https_where_no_tls_is_spoken_is_told_from_a_network_that_is_down() {
    let shell = Shell::of(3).await;
    let url = shell.sandbox.url().replace("http://", "https://");
    let mut command = shell.command(&["--once"]);
    command
        .env("TWSYNC_API__BASE_URL", url)
        .env("TWSYNC_PACE__RETRIES_MAX", "1");
    let said = ended(command)
        .await
        .exits(69)
        .says("no TLS is spoken there");
    said.says("`api.base_url`").says("after 1 retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_way_around_a_bad_certificate() {
    let shell = Shell::of(3).await;
    for variable in ["INSECURE", "TLS_VERIFY", "VERIFY", "ACCEPT_INVALID_CERTS"] {
        let mut command = shell.command(&["--once"]);
        command.env(format!("TWSYNC_API__{variable}"), "true");
        ended(command).await.exits(78);
    }
}
