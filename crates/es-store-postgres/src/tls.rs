//! Whether connections are encrypted, and whom they trust.
//!
//! The URL decides: `sslmode=require` is TLS with the server's certificate and name checked,
//! as libpq's `verify-full`; anything else is no TLS at all. A try with TLS that falls back
//! to none, or that trusts anybody, would promise what it does not keep.

use es_core::{Error, ErrorKind, Result};
use tokio_postgres::{Config, config::SslMode};

use crate::options::PostgresOptions;

/// How to connect.
#[derive(Clone)]
pub(crate) enum Tls {
    Off,
    #[cfg(feature = "tls")]
    On(tokio_postgres_rustls::MakeRustlsConnect),
}

/// Does the same with either way to connect, whose types differ.
macro_rules! with_tls {
    ($tls:expr, $connector:ident => $use:expr) => {
        match $tls {
            $crate::tls::Tls::Off => {
                let $connector = tokio_postgres::NoTls;
                $use
            }
            #[cfg(feature = "tls")]
            $crate::tls::Tls::On(connector) => {
                let $connector = connector;
                $use
            }
        }
    };
}
pub(crate) use with_tls;

impl Tls {
    pub(crate) fn of(config: &Config, options: &PostgresOptions) -> Result<Self> {
        if config.get_ssl_mode() == SslMode::Require {
            return require(options);
        }
        Ok(Self::Off)
    }
}

#[cfg(not(feature = "tls"))]
fn require(_: &PostgresOptions) -> Result<Tls> {
    let message = "sslmode=require: this build has no TLS; turn on the feature `tls` (of the \
                   facade: `postgres-tls`), or give `PostgresStore::with_pool` a pool that has it";
    Err(Error::new(ErrorKind::Unsupported, message))
}

#[cfg(feature = "tls")]
fn require(options: &PostgresOptions) -> Result<Tls> {
    use std::sync::Arc;

    let roots = match &options.root_certificates {
        Some(pem) => given(pem)?,
        None => trusted_by_system()?,
    };
    // Named, so that it does not matter which providers others in the program brought along.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::fault("TLS cannot be set up", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Tls::On(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}

/// Those of a file in PEM, each of which must be one.
#[cfg(feature = "tls")]
fn given(pem: &[u8]) -> Result<rustls::RootCertStore> {
    use es_core::Invalid;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let refused = |value: String| {
        let setting = "the root certificates of a PostgreSQL store";
        let remedy = "give the certificates of the authorities to trust, as text in PEM";
        Error::from(Invalid::Setting { setting, value, remedy })
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("no certificate".to_owned()));
    }
    Ok(roots)
}

#[cfg(feature = "tls")]
fn trusted_by_system() -> Result<rustls::RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = rustls::RootCertStore::empty();
    // Some systems list certificates that rustls does not take; the others do.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let message = "sslmode=require: the system trusts nobody; install its certificates, or \
                       give `PostgresOptions::with_root_certificates`";
        return Err(Error::new(ErrorKind::Unavailable, message));
    }
    Ok(roots)
}
