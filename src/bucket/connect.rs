//! From an address to a store that can be asked: endpoint and credentials are
//! those of the usual environment of each provider.
//!
//! This is the one place below `main` that looks at the environment: a program
//! that uses the library expects the same variables to count.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};

use super::address::{Address, Provider};
use super::profile::{Profile, set};
use crate::error::{Error, Result};

/// How long to wait for a connection, and for an answer to one request.
const TIMEOUTS: [(ClientConfigKey, &str); 2] =
    [(ClientConfigKey::ConnectTimeout, "5 seconds"), (ClientConfigKey::Timeout, "30 seconds")];

/// A store, and what tells it from others.
pub(super) struct Connection {
    /// The store, with all keys of its bucket.
    pub(super) store: Arc<dyn ObjectStore>,
    /// The endpoint or account, if it is not the provider's own for the bucket.
    pub(super) endpoint: Option<String>,
}

/// The store at `address`. Nothing is asked of it yet.
pub(super) fn connect(address: &Address) -> Result<Connection> {
    match address.provider {
        Provider::Amazon => amazon(address),
        Provider::Google => google(address),
        Provider::Azure => azure(address),
    }
}

fn amazon(address: &Address) -> Result<Connection> {
    use AmazonS3ConfigKey as Key;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&address.bucket)
        .with_retry(retries())
        .with_conditional_put(S3ConditionalPut::ETagMatch);
    let has = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    for (key, value) in TIMEOUTS {
        builder = builder.with_config(Key::Client(key), value);
    }
    let profile = Profile::read()?;
    if !has(&builder, Key::AccessKeyId) {
        for (key, name) in [
            (Key::AccessKeyId, "aws_access_key_id"),
            (Key::SecretAccessKey, "aws_secret_access_key"),
            (Key::Token, "aws_session_token"),
        ] {
            if let Some(value) = profile.get(name) {
                builder = builder.with_config(key, value);
            }
        }
    }
    for (keys, name) in [
        (&[Key::Region, Key::DefaultRegion][..], "region"),
        (&[Key::Endpoint, Key::S3Endpoint], "endpoint_url"),
    ] {
        let is_set = keys.iter().any(|key| has(&builder, *key));
        if let (Some(value), Some(key), false) = (profile.get(name), keys.first(), is_set) {
            builder = builder.with_config(*key, value);
        }
    }
    let others = [
        Key::AccessKeyId,
        Key::WebIdentityTokenFile,
        Key::ContainerCredentialsRelativeUri,
        Key::ContainerCredentialsFullUri,
    ];
    let is_given = others.iter().any(|key| has(&builder, *key))
        || builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    let no_machine = set("AWS_EC2_METADATA_DISABLED").is_some_and(|set| set == "true");
    if !is_given && no_machine {
        return Err(super::errors::no_credentials(address));
    }
    let endpoint = builder
        .get_config_value(&Key::S3Endpoint)
        .or_else(|| builder.get_config_value(&Key::Endpoint));
    let allow = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    refuse_plain(endpoint.as_deref(), allow.as_deref(), "AWS_ALLOW_HTTP")?;
    let store = builder.build().map_err(|error| unusable(address, &error))?;
    Ok(Connection { store: Arc::new(store), endpoint })
}

fn google(address: &Address) -> Result<Connection> {
    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(&address.bucket)
        .with_retry(retries());
    for (key, value) in TIMEOUTS {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    let store = builder.build().map_err(|error| unusable(address, &error))?;
    Ok(Connection { store: Arc::new(store), endpoint: None })
}

fn azure(address: &Address) -> Result<Connection> {
    use AzureConfigKey as Key;
    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(&address.bucket)
        .with_retry(retries());
    for (key, value) in TIMEOUTS {
        builder = builder.with_config(Key::Client(key), value);
    }
    let endpoint = builder.get_config_value(&Key::Endpoint);
    let allow = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    refuse_plain(endpoint.as_deref(), allow.as_deref(), "AZURE_ALLOW_HTTP")?;
    let account = builder.get_config_value(&Key::AccountName);
    let store = builder.build().map_err(|error| unusable(address, &error))?;
    Ok(Connection { store: Arc::new(store), endpoint: endpoint.or(account) })
}

/// Few tries in a short time: a person waits, and what is done by halves is
/// finished by the next writer.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(3),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(20) }
}

/// Refuses an endpoint over which all would travel as plain text, unless that
/// was asked for.
fn refuse_plain(endpoint: Option<&str>, allowed: Option<&str>, variable: &str) -> Result<()> {
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    if !is_plain || allowed == Some("true") {
        return Ok(());
    }
    let endpoint = endpoint.unwrap_or_default();
    Err(Error::usage(format!("{endpoint} is not encrypted"))
        .hint(format!("use https, or set {variable}=true if nobody can listen to that network")))
}

/// The error for settings of which no store can be made. They may hold secrets,
/// so what the library says of them is not passed on.
fn unusable(address: &Address, error: &object_store::Error) -> Error {
    let (what, variables) = match address.provider {
        Provider::Amazon => ("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION", "AWS_*"),
        Provider::Google => ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_*"),
        Provider::Azure => ("AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY", "AZURE_*"),
    };
    let reason = match error {
        object_store::Error::UnknownConfigurationKey { key, .. } => format!(": no setting `{key}`"),
        _ => String::new(),
    };
    Error::usage(format!("the settings for {} cannot be used{reason}", address.of_bucket()))
        .hint(format!("see to the variables {variables}, such as {what}"))
}
