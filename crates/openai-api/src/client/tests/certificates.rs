//! Servers whose certificates no system trusts.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::list;
use crate::testing::ScriptedServer;
use crate::{Client, ClientBuilder, Error, RetryPolicy};

/// Puts TLS with this certificate before a server; gives the port.
async fn serve_tls(server: &ScriptedServer, certificate: &[u8]) -> u16 {
    let chain = CertificateDer::pem_slice_iter(certificate).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let behind = server.url().replace("http://", "").replace("/v1", "");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            let Ok(mut front) = acceptor.accept(socket).await else { continue };
            let mut back = TcpStream::connect(&behind).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
        }
    });
    port
}

/// Asks a server with this certificate, at this host.
async fn ask(certificate: &[u8], host: &str, builder: ClientBuilder) -> Result<(), Error> {
    let server = ScriptedServer::answering(|_| list(&[], false)).await.unwrap();
    let port = serve_tls(&server, certificate).await;
    let client = builder.base_url(format!("https://{host}:{port}/v1")).key("sk-1");
    client.build().unwrap().list_models().await.map(drop)
}

#[track_caller]
fn distrusts(result: Result<(), Error>, expected: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Certificate { .. }) && !error.is_retryable(), "{error:?}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), expected);
}

#[tokio::test]
async fn a_certificate_is_trusted_once_its_authority_is_named() {
    for host in ["localhost", "127.0.0.1"] {
        ask(SERVER, host, Client::builder().root_certificate(AUTHORITY)).await.unwrap();
    }
    let der = CertificateDer::from_pem_slice(AUTHORITY).unwrap().to_vec();
    ask(SERVER, "localhost", Client::builder().root_certificate(der)).await.unwrap();
    let both = [SELF_SIGNED, AUTHORITY].concat();
    ask(SERVER, "localhost", Client::builder().root_certificate(both)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_nobody_knows_is_not_trusted() {
    let result = ask(SERVER, "localhost", Client::builder()).await;
    let text = result.as_ref().unwrap_err().to_string();
    assert!(text.starts_with("the certificate of https://localhost:"), "{text}");
    assert!(
        text.ends_with(
            " is not trusted; if it is one of your own, name it, or its authority's, with \
             `ClientBuilder::root_certificate`"
        ),
        "{text}"
    );
    distrusts(result, "invalid peer certificate: UnknownIssuer");
    let other = Client::builder().root_certificate(SELF_SIGNED).retry(RetryPolicy::never());
    distrusts(ask(SERVER, "localhost", other).await, "invalid peer certificate: UnknownIssuer");
}

#[tokio::test]
async fn a_certificate_that_a_server_signed_itself_is_trusted_once_it_is_named() {
    let named = || Client::builder().root_certificate(SELF_SIGNED);
    ask(SELF_SIGNED, "localhost", named()).await.unwrap();
    let elsewhere = Client::builder().root_certificate(ELSEWHERE);
    let error = ask(ELSEWHERE, "localhost", elsewhere).await.unwrap_err();
    assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("not valid for name \"localhost\""), "{why}");
    let result = ask(SELF_SIGNED, "localhost", Client::builder()).await;
    assert!(matches!(result, Err(Error::Certificate { .. })), "{result:?}");
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_not_trusted_though_it_is_named() {
    let result = ask(EXPIRED, "localhost", Client::builder().root_certificate(EXPIRED)).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.starts_with("invalid peer certificate: certificate expired"), "{why}");
}

#[test]
fn what_is_no_certificate_is_refused_when_building() {
    for (given, problem) in [
        (&b""[..], "invalid peer certificate: BadEncoding"),
        (b"hello", "invalid peer certificate: BadEncoding"),
        (KEY, "none is in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "is cut short, or no Base64"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "invalid peer certificate: BadEncoding",
        ),
    ] {
        let error = Client::builder().root_certificate(given).build().unwrap_err();
        let hint = "it should be a certificate in PEM or in DER";
        assert_eq!(error.to_string(), format!("root certificate: {problem}; {hint}"));
    }
}

#[test]
fn what_an_http_client_of_ones_own_would_not_heed_is_refused() {
    let theirs = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::client::tls::config(Vec::new()).unwrap())
        .build()
        .unwrap();
    let problem = "is for the HTTP client that this crate makes; set it on your own one";
    let builder = || Client::builder().http_client(theirs.clone());
    let error = builder().root_certificate(AUTHORITY).build().unwrap_err();
    assert_eq!(error.to_string(), format!("root certificate: {problem}"));
    let error = builder().proxy("http://127.0.0.1:9").build().unwrap_err();
    assert_eq!(error.to_string(), format!("proxy: {problem}"));
}

// Made for these tests, valid from 2020 to 2120 save the expired one; the key is known to everybody.
const AUTHORITY: &[u8] = include_bytes!("certificates/authority.pem");
const ELSEWHERE: &[u8] = include_bytes!("certificates/elsewhere.pem");
const EXPIRED: &[u8] = include_bytes!("certificates/expired.pem");
const KEY: &[u8] = include_bytes!("certificates/server.key");
const SELF_SIGNED: &[u8] = include_bytes!("certificates/self-signed.pem");
const SERVER: &[u8] = include_bytes!("certificates/server.pem");
