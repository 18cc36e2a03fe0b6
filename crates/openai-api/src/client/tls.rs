//! TLS for one client, by rustls on ring; nothing is set for the process.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::client::transport::causes;
use crate::error;

/// TLS that trusts what the operating system trusts, and these certificates.
pub(super) fn config(roots: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = OnDemand { provider: Arc::clone(&provider), roots, verifier: OnceLock::new() };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// The certificates in a text in PEM, or the one in DER.
pub(super) fn read_roots(given: &[u8]) -> error::Result<Vec<CertificateDer<'static>>> {
    let invalid = |problem: &str| {
        let hint = "it should be a certificate in PEM or in DER";
        error::Error::invalid("root certificate", format!("{problem}; {hint}"))
    };
    let is_pem = memchr::memmem::find(given, b"-----BEGIN").is_some();
    let roots = if is_pem {
        CertificateDer::pem_slice_iter(given)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| invalid("is cut short, or no Base64"))?
    } else {
        vec![CertificateDer::from(given.to_vec())]
    };
    if roots.is_empty() {
        return Err(invalid("none is in it"));
    }
    let mut store = RootCertStore::empty();
    for root in &roots {
        store.add(root.clone()).map_err(|error| invalid(&error.to_string()))?;
    }
    Ok(roots)
}

/// Why the server's certificate is not trusted, where that is what went wrong.
pub(super) fn distrust(error: &reqwest::Error) -> Option<Error> {
    causes(error)
        .filter_map(|mut cause| {
            // The error within an I/O error is not among its causes.
            while let Some(within) = cause.downcast_ref().and_then(io::Error::get_ref) {
                cause = within;
            }
            cause.downcast_ref()
        })
        .find(|error| {
            matches!(error, Error::InvalidCertificate(_) | Error::General(_) | Error::Other(_))
        })
        .cloned()
}

/// The operating system's verifier, made when the first certificate is to be verified.
///
/// Reading the root certificates takes its time, and a client of a server on loopback needs none;
/// the machine may not even have any.
#[derive(Debug)]
struct OnDemand {
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    verifier: OnceLock<Result<Verifier, Error>>,
}

impl OnDemand {
    fn verifier(&self) -> Result<&Verifier, Error> {
        let verifier = self.verifier.get_or_init(|| {
            let provider = Arc::clone(&self.provider);
            if self.roots.is_empty() {
                return Verifier::new(provider);
            }
            #[cfg(target_os = "android")]
            return Err(Error::General("Android trusts only its own certificates".into()));
            #[cfg(not(target_os = "android"))]
            Verifier::new_with_extra_roots(self.roots.iter().cloned(), provider)
        });
        verifier.as_ref().map_err(Clone::clone)
    }

    /// Whether a certificate is one that was named itself, and the only fault is that it is not
    /// another's.
    ///
    /// `openssl req -x509` makes such certificates, for a server and an authority in one.
    fn is_named(&self, certificate: &CertificateDer<'_>, fault: &Error) -> bool {
        let is_of_chain = match fault {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
            Error::InvalidCertificate(CertificateError::Other(OtherError(fault))) => {
                fault.to_string() == CA_USED_AS_END_ENTITY
            }
            _ => false,
        };
        is_of_chain && self.roots.iter().any(|root| root == certificate)
    }
}

impl ServerCertVerifier for OnDemand {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = self.verifier()?;
        let verified =
            verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(fault) if self.is_named(end_entity, &fault) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// How webpki words it.
const CA_USED_AS_END_ENTITY: &str = "CaUsedAsEndEntity";
