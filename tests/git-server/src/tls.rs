//! Certificates of an authority that only tests trust.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server's side of TLS, and the authority that vouches for it.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    /// The authority's certificate in PEM form.
    pub(crate) authority: String,
}

impl Tls {
    /// Makes an authority and a certificate for `127.0.0.1` and `localhost`.
    pub(crate) fn new() -> Self {
        let authority_key = KeyPair::generate().expect("keys can be made");
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).expect("the parameters are sound");
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().expect("keys can be made");
        let names = ["127.0.0.1", "localhost"].map(str::to_owned);
        let server = CertificateParams::new(names).expect("these are names");
        let server = server.signed_by(&key, &issuer).expect("the parameters are sound");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], key)
            .expect("key and certificate fit");
        Self { config: Arc::new(config), authority: certificate.pem() }
    }
}
