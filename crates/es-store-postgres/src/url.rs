//! What a URL says beyond what the driver knows: certificates, by the names that libpq has for
//! them, and that there is a pooler.

use std::str::FromStr;

use es_core::{Error, Invalid, Result};
use tokio_postgres::{Config, config::SslMode};

use crate::{connect::config, options::PostgresOptions};

/// The files that a URL names.
#[derive(Default)]
struct Files {
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

/// Where `url` leads, and `options` with what the URL says of them.
pub(crate) fn target(url: &str, options: &PostgresOptions) -> Result<(Config, PostgresOptions)> {
    let (mut options, mut files) = (options.clone(), Files::default());
    let Some((place, query)) = split(url) else { return Ok((config(url)?, options)) };
    let mut rest: Vec<&str> = Vec::new();
    for part in query.split('&') {
        let (name, raw) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "sslrootcert" => files.root = Some(decoded(name, raw)?),
            "sslcert" => files.certificate = Some(decoded(name, raw)?),
            "sslkey" => files.key = Some(decoded(name, raw)?),
            // The one way in which this store requires TLS.
            "sslmode" if raw == "verify-full" => rest.push("sslmode=require"),
            "sslmode" if raw == "verify-ca" => {
                let remedy = "say verify-full: the name of the server is always checked";
                return Err(refused("sslmode of a PostgreSQL store", raw, remedy));
            }
            "transaction_pooler" => {
                let Ok(is_there) = bool::from_str(raw) else {
                    let remedy = "say true or false";
                    return Err(refused("transaction_pooler of a PostgreSQL store", raw, remedy));
                };
                options = options.with_transaction_pooler(is_there);
            }
            _ => rest.push(part),
        }
    }
    let mark = if rest.is_empty() { "" } else { "?" };
    let config = config(&format!("{place}{mark}{}", rest.join("&")))?;
    files.read_into(&mut options, config.get_ssl_mode())?;
    Ok((config, options))
}

impl Files {
    fn read_into(self, options: &mut PostgresOptions, mode: SslMode) -> Result<()> {
        let named = [&self.root, &self.certificate, &self.key];
        let Some(first) = named.into_iter().flatten().next() else { return Ok(()) };
        if mode != SslMode::Require {
            let remedy = "certificates mean TLS: say sslmode=verify-full beside them";
            return Err(refused("sslmode of a PostgreSQL store", first, remedy));
        }
        if self.certificate.is_some() != self.key.is_some() {
            let remedy = "a certificate of the client and its key come together: name both";
            return Err(refused("sslcert and sslkey of a PostgreSQL store", first, remedy));
        }
        #[cfg(feature = "tls")]
        {
            // As libpq calls those whom the system trusts.
            if let Some(file) = self.root.filter(|name| name != "system") {
                options.root_certificates = Some(read("sslrootcert of a PostgreSQL store", &file)?);
            }
            if let (Some(certificate), Some(key)) = (self.certificate, self.key) {
                let certificate = read("sslcert of a PostgreSQL store", &certificate)?;
                let key = read("sslkey of a PostgreSQL store", &key)?;
                *options = options.clone().with_client_certificate(certificate, key);
            }
        }
        // A build without TLS has nobody to show them to, and says so when it is to connect.
        #[cfg(not(feature = "tls"))]
        let _ = options;
        Ok(())
    }
}

#[cfg(feature = "tls")]
fn read(setting: &'static str, file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        let remedy = "name a file in PEM that this process may read";
        refused(setting, file, remedy).with_source(error)
    })
}

/// A URL and what stands behind its question mark, which may be in a password too.
fn split(url: &str) -> Option<(&str, &str)> {
    let scheme = url.find("://")? + 3;
    let place = scheme + url[scheme..].find('@').map_or(0, |at| at + 1);
    let mark = place + url[place..].find('?')?;
    Some((&url[..mark], &url[mark + 1..]))
}

/// A value in which a byte may stand as `%` and two digits.
fn decoded(name: &str, raw: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut left = raw.bytes();
    while let Some(byte) = left.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let byte = match byte {
            b'%' => digit(left.next())
                .zip(digit(left.next()))
                .and_then(|(high, low)| u8::try_from(16 * high + low).ok()),
            byte => Some(byte),
        };
        match byte {
            Some(byte) => bytes.push(byte),
            None => return Err(undecodable(name, raw)),
        }
    }
    String::from_utf8(bytes).map_err(|_| undecodable(name, raw))
}

fn undecodable(name: &str, raw: &str) -> Error {
    let remedy = "write a percent sign as %25 and other bytes as % and two digits, in UTF-8";
    refused("a certificate in the URL of a PostgreSQL store", &format!("{name}={raw}"), remedy)
}

fn refused(setting: &'static str, value: &str, remedy: &'static str) -> Error {
    Invalid::Setting { setting, value: value.to_owned(), remedy }.into()
}

#[cfg(test)]
mod tests;
