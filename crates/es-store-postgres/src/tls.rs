//! Whether connections are encrypted, and whom they trust.
//!
//! The URL decides: `sslmode=require` is TLS with the server's certificate and name checked,
//! as libpq's `verify-full`; anything else is no TLS at all. A try with TLS that falls back
//! to none, or that trusts anybody, would promise what it does not keep. What a URL calls
//! `verify-full` has become `require` by the time it is here.

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
        #[cfg(feature = "tls")]
        if options.client_certificate.is_some() {
            let setting = "sslmode of a PostgreSQL store";
            let value = "a client certificate without sslmode=require".to_owned();
            let remedy = "say sslmode=require: without, nothing goes over TLS";
            return Err(es_core::Invalid::Setting { setting, value, remedy }.into());
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
        .with_root_certificates(roots);
    let config = match &options.client_certificate {
        None => config.with_no_client_auth(),
        Some(own) => {
            let (certificates, key) = own.read()?;
            config.with_client_auth_cert(certificates, key).map_err(|error| {
                let what = "the key of the client is not that of its certificate";
                own_refused(what.to_owned()).with_source(error)
            })?
        }
    };
    Ok(Tls::On(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}

/// What this client shows to a server, as text in PEM.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

// The key is a secret.
#[cfg(feature = "tls")]
impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

#[cfg(feature = "tls")]
type Shown =
    (Vec<rustls::pki_types::CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>);

#[cfg(feature = "tls")]
impl ClientCertificate {
    fn read(&self) -> Result<Shown> {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

        let certificates = CertificateDer::pem_slice_iter(&self.certificate);
        let certificates: Vec<_> = certificates
            .collect::<Result<_, _>>()
            .map_err(|error| own_refused(error.to_string()))?;
        if certificates.is_empty() {
            return Err(own_refused("no certificate".to_owned()));
        }
        // The error might repeat what it could not read.
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| own_refused("no key that can be read without a password".to_owned()))?;
        Ok((certificates, key))
    }
}

#[cfg(feature = "tls")]
fn own_refused(value: String) -> Error {
    let setting = "the client certificate of a PostgreSQL store";
    let remedy = "give a certificate and its own key, without a password, as text in PEM";
    es_core::Invalid::Setting { setting, value, remedy }.into()
}

/// Why one side did not accept the other; nothing for any other error of a connection.
#[cfg(feature = "tls")]
pub(crate) fn refusal(error: &tokio_postgres::Error) -> Option<(ErrorKind, &'static str)> {
    use rustls::{
        AlertDescription as Alert, CertificateError as Certificate, Error::AlertReceived,
        Error::InvalidCertificate,
    };

    let io = std::error::Error::source(error)?.downcast_ref::<std::io::Error>()?;
    Some(match io.get_ref()?.downcast_ref::<rustls::Error>()? {
        InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => (
            ErrorKind::Invalid,
            "the certificate of the server is for another name: connect by a name that is in it",
        ),
        // Somebody renews it, and then it works again.
        InvalidCertificate(
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. },
        ) => (
            ErrorKind::Unavailable,
            "the certificate of the server is valid no more, or not yet: renew it, or set the clock",
        ),
        InvalidCertificate(_) => (
            ErrorKind::Invalid,
            "the certificate of the server is signed by nobody who is trusted: name the \
             authority in `sslrootcert`, or in `PostgresOptions::with_root_certificates`",
        ),
        AlertReceived(
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::CertificateRequired
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::NoCertificate
            | Alert::DecryptError,
        ) => (
            ErrorKind::Invalid,
            "the server refuses the certificate of this client, or wants one: see `sslcert` and \
             `sslkey`, or `PostgresOptions::with_client_certificate`",
        ),
        _ => return None,
    })
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
