//! Whom a secure connection trusts.
//!
//! The same as for git references, whose code is a twin of this; there a file is read for each job, here once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::client::ClientError;

/// Where systems keep their certificate authorities in one file: Debian, Fedora, SUSE, Alpine and BSD.
const SYSTEM_FILES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How connections are secured. Trust is in the given files alone; where there are none in the authorities of the machine,
/// else, as in images without any, in Mozilla's.
pub(crate) struct Trust {
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    /// Made for the first connection where no files are given: the authorities of a machine take longer to read than the
    /// rest of a start.
    config: OnceLock<ClientConfig>,
}

impl Trust {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read or holds no certificate; TLS does not start.
    pub(crate) fn in_authorities(files: &[PathBuf]) -> Result<Self, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Tls(error.to_string()))?;
        let config = match given_roots(files)? {
            None => OnceLock::new(),
            Some(roots) => OnceLock::from(with_roots(&builder, roots)),
        };
        Ok(Self { builder, config })
    }

    /// Returns the configuration of connections.
    pub(crate) fn config(&self) -> &ClientConfig {
        self.config.get_or_init(|| with_roots(&self.builder, system_roots()))
    }
}

fn with_roots(builder: &ConfigBuilder<ClientConfig, WantsVerifier>, roots: RootCertStore) -> ClientConfig {
    builder.clone().with_root_certificates(roots).with_no_client_auth()
}

/// Returns the authorities in the given files; none where none are given.
fn given_roots(files: &[PathBuf]) -> Result<Option<RootCertStore>, ClientError> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for file in files {
        let unusable = |cause: String| ClientError::Authorities { file: file.clone(), cause };
        let found = read(file).map_err(|cause| unusable(cause.to_string()))?;
        if found.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        roots.extend(found.roots);
    }
    Ok(Some(roots))
}

fn system_roots() -> RootCertStore {
    let found = SYSTEM_FILES.iter().filter_map(|file| read(Path::new(file)).ok()).find(|roots| !roots.is_empty());
    found.unwrap_or_else(|| webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
}

/// Reads a PEM file. Certificates of kinds that cannot be used are left out, as every bundle has some.
fn read(file: &Path) -> Result<RootCertStore, rustls_pki_types::pem::Error> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>()?;
    roots.add_parsable_certificates(certificates);
    Ok(roots)
}
