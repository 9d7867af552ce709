//! Whom a secure connection trusts.
//!
//! The same as for git references, whose code is a twin of this; there a file is read for each job, here once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
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

/// Returns the configuration of TLS. Trust is in the given files alone; where there are none in the authorities of the
/// machine, else, as in images without any, in Mozilla's.
pub(crate) fn client_config(authorities: &[PathBuf]) -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    for file in authorities {
        let unusable = |cause: String| ClientError::Authorities { file: file.clone(), cause };
        let found = read(file).map_err(|cause| unusable(cause.to_string()))?;
        if found.is_empty() {
            return Err(unusable("it holds no certificate".to_owned()));
        }
        roots.extend(found.roots);
    }
    if authorities.is_empty() {
        roots = system_roots();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
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
