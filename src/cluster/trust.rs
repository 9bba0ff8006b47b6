//! How the processes of a cluster know one another.

use std::path::Path;

use sha2::{Digest, Sha256};
use tonic::codegen::http::header::AUTHORIZATION;
use tonic::codegen::http::{HeaderMap, HeaderValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use super::options::TrustOptions;
use crate::error::{Error, Result};

/// Fewer letters than this can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// The keys of this process.
#[derive(Clone, Default)]
pub(super) struct Trust {
    /// What stands in the header of each request.
    token: Option<HeaderValue>,
    tls: Option<Tls>,
}

#[derive(Clone)]
struct Tls {
    identity: Identity,
    authority: Certificate,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust")
            .field("token", &self.token.is_some())
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

impl Trust {
    /// Reads the keys that `options` name.
    pub(super) fn read(options: &TrustOptions) -> Result<Self> {
        let token = match (&options.token, &options.token_file) {
            (Some(token), _) => Some(token.0.clone()),
            (None, Some(path)) => Some(read(path)?),
            (None, None) => None,
        };
        let tls = options.tls.as_ref().map(|files| -> Result<Tls> {
            // There is more than one in the program, and TLS must be told which.
            // Whoever told it before is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            Ok(Tls {
                identity: Identity::from_pem(read(&files.cert)?, read(&files.key)?),
                authority: Certificate::from_pem(read(&files.ca)?),
            })
        });
        Ok(Self { token: token.as_deref().map(header).transpose()?, tls: tls.transpose()? })
    }

    /// Whether strangers are kept out.
    pub(super) fn keeps_out(&self) -> bool {
        self.token.is_some() || self.tls.is_some()
    }

    /// Whether there is a token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// How addresses begin.
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Shows the token, if there is one.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
    }

    /// Whether who sent `headers` has the token. Digests are compared, so that
    /// the time it takes says nothing of the token.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        Sha256::digest(shown) == Sha256::digest(token.as_bytes())
    }

    /// The certificates of one who calls.
    pub(super) fn client_tls(&self) -> Option<ClientTlsConfig> {
        let tls = self.tls.clone()?;
        Some(ClientTlsConfig::new().identity(tls.identity).ca_certificate(tls.authority))
    }

    /// The certificates of one who is called, and wants to see the caller's.
    pub(super) fn server_tls(&self) -> Option<ServerTlsConfig> {
        let tls = self.tls.clone()?;
        Some(ServerTlsConfig::new().identity(tls.identity).client_ca_root(tls.authority))
    }
}

fn read(path: &Path) -> Result<String> {
    let read = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error));
    // Whatever the reason, nothing runs without the key.
    read.map_err(|error| Error::usage(error.message()))
}

fn header(token: &str) -> Result<HeaderValue> {
    let token = token.trim();
    if token.len() < SHORTEST_TOKEN {
        return Err(Error::usage(format!("the token is shorter than {SHORTEST_TOKEN} letters"))
            .hint("make one with `openssl rand -hex 32`"));
    }
    let mut header = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| Error::usage("the token has letters other than plain ones"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::super::options::Secret;
    use super::*;

    fn with(token: &str) -> Trust {
        let token = Some(Secret(token.to_owned()));
        Trust::read(&TrustOptions { token, ..TrustOptions::default() }).unwrap()
    }

    #[test]
    fn only_the_same_token_is_admitted_and_it_is_never_shown() {
        let (ours, other) = (with("0123456789abcdef\n"), with("0123456789abcdeF"));
        let mut headers = HeaderMap::new();
        assert!(!ours.admits(&headers));
        other.sign(&mut headers);
        assert!(!ours.admits(&headers));
        ours.sign(&mut headers);
        assert!(ours.admits(&headers));
        assert!(!format!("{ours:?} {headers:?}").contains("0123"));
    }

    #[test]
    fn a_short_token_is_refused() {
        assert!(header("secret").is_err());
    }
}
