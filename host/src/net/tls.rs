//! The certificate authorities that TLS connections trust: Mozilla's list.
//!
//! For servers of our own configuration, [`Authorities`] in the environment replace it, as with OpenSSL: for a server
//! with a private authority, or a network that inspects connections. Guests' requests always trust Mozilla's list.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::domain::server::Authorities;

const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";

/// Why the certificate authorities cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadRootsError {
    #[error("the environment variable {variable} names {}, which cannot be read: {error}", path.display())]
    Read { variable: &'static str, path: PathBuf, error: io::Error },
    #[error("the environment variable {variable} names {}, which holds no certificate in the PEM format", path.display())]
    NoCertificate { variable: &'static str, path: PathBuf },
}

/// The certificate authorities that Mozilla trusts.
pub fn public_roots() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}

/// Loads the trusted certificate authorities. Reads their files at each call.
pub(super) fn load_roots(authorities: &Authorities) -> Result<RootCertStore, LoadRootsError> {
    if *authorities == Authorities::default() {
        return Ok(public_roots());
    }
    let mut roots = RootCertStore::empty();
    if let Some(path) = &authorities.file {
        add_all(&mut roots, CERT_FILE, path, |path| Ok(vec![path.to_owned()]))?;
    }
    if let Some(path) = &authorities.folders {
        add_all(&mut roots, CERT_DIR, path, list_files)?;
    }
    Ok(roots)
}

fn add_all(
    roots: &mut RootCertStore,
    variable: &'static str,
    path: &Path,
    list: impl Fn(&Path) -> io::Result<Vec<PathBuf>>,
) -> Result<(), LoadRootsError> {
    let read = list(path).and_then(|files| files.iter().map(fs::read).collect::<io::Result<Vec<_>>>());
    let path = path.to_owned();
    let texts = match read {
        Ok(texts) => texts,
        Err(error) => return Err(LoadRootsError::Read { variable, path, error }),
    };
    let certificates = texts.iter().flat_map(|text| CertificateDer::pem_slice_iter(text).flatten());
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(LoadRootsError::NoCertificate { variable, path }),
        _ => Ok(()),
    }
}

fn list_files(folders: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    // The variable may list several folders, as for OpenSSL.
    for folder in std::env::split_paths(folders) {
        for entry in fs::read_dir(folder)? {
            files.push(entry?.path());
        }
    }
    files.retain(|path| path.is_file());
    Ok(files)
}

/// Without a client certificate.
pub(super) fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring offers all that the protocol versions ask for")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// If the authority is unknown, adds to the error which authorities are trusted.
pub(super) fn explain(error: io::Error, authorities: &Authorities) -> io::Error {
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    let is_unknown = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) == Some(&unknown);
    if !is_unknown {
        return error;
    }
    let advice = if *authorities == Authorities::default() {
        "only public certificate authorities are trusted, unless SSL_CERT_FILE names a file with others"
    } else {
        "only the certificate authorities in SSL_CERT_FILE and SSL_CERT_DIR are trusted"
    };
    io::Error::new(error.kind(), format!("{error}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_each_folder_in_a_list_are_found_and_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            fs::create_dir_all(below(name).join("folder")).unwrap();
            fs::write(below(name).join("authority.pem"), "").unwrap();
        }
        let list = |names: &[&str]| {
            list_files(Path::new(&std::env::join_paths(names.iter().map(|name| below(name))).unwrap()))
        };
        let expected = ["one", "two"].map(|name| below(name).join("authority.pem"));
        assert_eq!(list(&["one", "two"]).unwrap(), expected);
        assert_eq!(list(&["one", "three"]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
