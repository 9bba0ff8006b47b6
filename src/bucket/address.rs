//! Addresses of databases in object storage, and what tells them from folders.

use std::fmt;
use std::path::Path;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path as Key;
use url::Url;

use crate::error::{Error, Result, nearest};

/// The address of a database in object storage, such as `s3://bucket/weibo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Who keeps the bucket.
    pub(super) provider: Provider,
    /// The bucket, which Azure calls a container.
    pub(super) bucket: String,
    /// What the keys of the database begin with; may be empty.
    pub(super) prefix: Key,
    /// The address of the bucket alone.
    store: ObjectStoreUrl,
}

/// Who keeps a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    /// Amazon S3, and all that speak its language.
    Amazon,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

impl Provider {
    const ALL: [Self; 3] = [Self::Amazon, Self::Google, Self::Azure];

    /// What its addresses begin with.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Amazon => "s3",
            Self::Google => "gs",
            Self::Azure => "az",
        }
    }
}

impl Address {
    /// The address that `path` is; none if it is that of a folder.
    ///
    /// # Errors
    /// When it is an address of another kind, or names no bucket.
    pub(crate) fn parse(path: &Path) -> Result<Option<Self>> {
        let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(None);
        };
        if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let known = Provider::ALL.into_iter().find(|provider| provider.scheme() == scheme);
        let provider = known.ok_or_else(|| no_scheme(scheme))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            let error = Error::usage(format!("`{}` names no bucket", path.display()));
            return Err(error.hint(format!("write it as {scheme}://bucket/database")));
        }
        let prefix = prefix.trim_end_matches('/');
        let parsed = Key::parse(prefix).ok().filter(|_| !prefix.starts_with('/'));
        let prefix = parsed.ok_or_else(|| {
            Error::usage(format!("`{}` is no usable address", path.display()))
                .hint("its parts must not be empty, `.` or `..`")
        })?;
        let store = Url::parse(&of_bucket(provider, bucket))
            .ok()
            .filter(|url| url.host_str() == Some(bucket) && url.port().is_none())
            .and_then(|url| ObjectStoreUrl::parse(url).ok())
            .ok_or_else(|| Error::usage(format!("`{bucket}` is no name of a bucket")))?;
        Ok(Some(Self { provider, bucket: bucket.to_owned(), prefix, store }))
    }

    /// The address of the bucket alone.
    pub(crate) fn url(&self) -> &Url {
        self.store.as_ref()
    }

    /// The same, as plans have it.
    pub(crate) fn store(&self) -> &ObjectStoreUrl {
        &self.store
    }

    /// The address of the bucket alone, as it is told.
    pub(super) fn of_bucket(&self) -> String {
        of_bucket(self.provider, &self.bucket)
    }

    /// The key of the object called `name` in the database.
    pub(super) fn key(&self, name: &str) -> Result<Key> {
        let key = Key::parse(format!("{}/{name}", self.prefix));
        key.map_err(|_| Error::store(format!("`{name}` is no usable name")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of_bucket())?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

fn of_bucket(provider: Provider, bucket: &str) -> String {
    format!("{}://{bucket}", provider.scheme())
}

fn no_scheme(scheme: &str) -> Error {
    let error = Error::usage(format!("`{scheme}://` is no kind of place for a database"));
    if scheme == "file" {
        return error.hint("give the path of its folder");
    }
    match nearest(scheme, Provider::ALL.map(Provider::scheme)) {
        Some(near) if scheme.len() > 1 => error.hint(format!("did you mean {near}://?")),
        _ => error.hint("give a folder, or s3://, gs:// or az:// with bucket and path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<String>> {
        Ok(Address::parse(Path::new(text))?.map(|address| address.to_string()))
    }

    #[test]
    fn addresses_are_told_from_folders() {
        for folder in ["db", "/data/db", "./s3:/db", "C:\\db", "a b://c", "://db", ""] {
            assert_eq!(parse(folder).unwrap(), None, "{folder}");
        }
        for address in ["s3://b", "gs://b/db", "az://container/a/b", "s3://b/微 博/50%/#?+&\"'"] {
            assert_eq!(parse(address).unwrap().as_deref(), Some(address));
        }
        assert_eq!(parse("s3://b/db//").unwrap().as_deref(), Some("s3://b/db"));
    }

    #[test]
    fn what_is_no_address_is_told() {
        for wrong in [
            "s3://",
            "s3:///db",
            "s3://b/../c",
            "s3://b//c",
            "s3://b/a//c",
            "s3://b/./a",
            "s3://b/a\nb",
            "s3://b c/d",
            "s3://b?c/d",
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
        let hint = |text| parse(text).unwrap_err().advice().unwrap().to_owned();
        assert_eq!(hint("s3a://b/db"), "did you mean s3://?");
        assert!(hint("file:///data/db").contains("folder"));
        assert!(hint("https://example.org/db").contains("s3://"));
    }

    #[test]
    fn keys_are_what_was_typed() {
        let key = |text: &str| {
            let address = Address::parse(Path::new(text)).unwrap().unwrap();
            address.key("posts/a.parquet").unwrap().to_string()
        };
        assert_eq!(key("s3://b"), "posts/a.parquet");
        assert_eq!(key("s3://b/50%/微 博"), "50%/微 博/posts/a.parquet");
    }
}
