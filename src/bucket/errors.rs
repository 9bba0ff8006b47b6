//! Failures of object stores in weiku's words: one line, with what to try.
//!
//! What a store says may hold keys and signatures, so of its answer only the
//! code is passed on.

use std::error::Error as _;

use object_store::Error as StoreError;
use object_store::client::{HttpError, HttpErrorKind};

use super::address::{Address, Provider};
use crate::error::{Error, Kind};

/// What a failure means.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// The bucket is not there.
    NoBucket,
    /// The object is not there.
    NoObject,
    /// There are no credentials at all.
    NoCredentials,
    /// The credentials are wrong, or may not do this.
    Refused,
    /// The bucket is elsewhere.
    WrongPlace,
    /// No connection, or no answer.
    Unreachable,
    /// The store asks to try again later.
    Overloaded,
    /// Anything else.
    Other,
}

/// The error for what could not be done to the object called `what`, at
/// `address`; `doing` as in [`Error::io`].
pub(super) fn failed(
    doing: &str,
    what: &str,
    address: &Address,
    endpoint: Option<&str>,
    error: &StoreError,
) -> Error {
    let text = full_text(error);
    let (bucket, code) = (address.of_bucket(), code(&text));
    let coded = code.as_deref().map_or(String::new(), |code| format!(" ({code})"));
    match cause(error, &text, code.as_deref()) {
        Cause::NoBucket => Error::usage(format!("there is no bucket {bucket}"))
            .hint("check its name, the endpoint and the region; weiku makes no buckets"),
        Cause::NoObject => Error::store(format!("{what} is not there")),
        Cause::NoCredentials => no_credentials(address),
        Cause::Refused => Error::usage(format!("{bucket} refuses the credentials{coded}"))
            .hint(format!("check {}, and that they may {doing} here", variables(address.provider))),
        Cause::WrongPlace => Error::usage(format!("{bucket} is in another region{coded}"))
            .hint("set AWS_REGION to the region of the bucket"),
        Cause::Unreachable => {
            let place = endpoint.map_or(bucket, str::to_owned);
            Error::new(Kind::Busy, format!("{place} does not answer"))
                .hint("check the network and the endpoint, and try again")
        }
        Cause::Overloaded => {
            Error::new(Kind::Busy, format!("{bucket} cannot {doing} {what} now{coded}"))
                .hint("try again later")
        }
        Cause::Other => Error::store(format!("cannot {doing} {what}{coded}")),
    }
}

/// The error for an environment without credentials.
pub(super) fn no_credentials(address: &Address) -> Error {
    Error::usage(format!("there are no credentials for {}", address.of_bucket()))
        .hint(format!("set {}", variables(address.provider)))
}

/// Where the credentials for a provider come from.
fn variables(provider: Provider) -> &'static str {
    match provider {
        Provider::Amazon => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        Provider::Google => "GOOGLE_APPLICATION_CREDENTIALS",
        Provider::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    }
}

fn cause(error: &StoreError, text: &str, code: Option<&str>) -> Cause {
    match code {
        Some("NoSuchBucket" | "ContainerNotFound") => return Cause::NoBucket,
        Some(
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => {
            return Cause::WrongPlace;
        }
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
            return Cause::Refused;
        }
        Some("SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout") => {
            return Cause::Overloaded;
        }
        _ => {}
    }
    if text.contains("specified bucket does not exist") {
        return Cause::NoBucket;
    }
    // The service of a cloud's machine that hands out keys.
    if text.contains("169.254.") || text.contains("metadata.google.internal") {
        return Cause::NoCredentials;
    }
    match error {
        StoreError::NotFound { .. } => Cause::NoObject,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Cause::Refused,
        _ if text.contains("without LOCATION") => Cause::WrongPlace,
        _ => match transport(error) {
            Some(
                HttpErrorKind::Connect
                | HttpErrorKind::Timeout
                | HttpErrorKind::Request
                | HttpErrorKind::Interrupted,
            ) => Cause::Unreachable,
            _ if text.contains("status code: 5") => Cause::Overloaded,
            _ if ["status code: 401", "status code: 403"]
                .iter()
                .any(|code| text.contains(code)) =>
            {
                Cause::Refused
            }
            _ => Cause::Other,
        },
    }
}

/// How the network failed, if it did.
fn transport(error: &StoreError) -> Option<HttpErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<HttpError>() {
            return Some(found.kind());
        }
        cause = error.source();
    }
    None
}

/// All that an error and its causes say; to be looked into, never shown.
fn full_text(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The code of the answer of a store, such as `NoSuchBucket`.
fn code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_plain = code.len() < 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
    is_plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &StoreError) -> Error {
        let address = Address::parse("s3://b/db".as_ref()).unwrap().unwrap();
        failed("read", "s3://b/db/weiku.json", &address, Some("https://example.org"), error)
    }

    #[test]
    fn only_the_code_of_an_answer_is_shown() {
        let body = "403 Forbidden: <Error><Code>InvalidAccessKeyId</Code>\
                    <AWSAccessKeyId>AKSECRET</AWSAccessKeyId></Error>";
        let error = of(&StoreError::PermissionDenied { path: "k".to_owned(), source: body.into() });
        assert_eq!(error.exit_code(), 2);
        assert!(error.message().contains("InvalidAccessKeyId"), "{error}");
        assert!(!error.to_string().contains("AKSECRET"), "{error}");
    }

    #[test]
    fn a_refused_listing_is_told_from_other_failures() {
        let failed = |status: &str| {
            let text = format!("Server returned non-2xx status code: {status}: <Code>X</Code>");
            of(&StoreError::Generic { store: "azure", source: text.into() })
        };
        let refused = failed("403 Forbidden");
        assert!(refused.message().contains("refuses the credentials (X)"), "{refused}");
        assert_eq!([refused.exit_code(), failed("503 Busy").exit_code()], [2, 5]);
        assert_eq!(failed("409 Conflict").exit_code(), 1);
    }

    #[test]
    fn a_bucket_that_is_not_there_is_told_from_an_object() {
        let missing =
            |body: &str| StoreError::NotFound { path: "k".to_owned(), source: body.into() };
        let bucket = of(&missing("<Code>NoSuchBucket</Code>"));
        assert!(
            bucket.message().contains("no bucket s3://b") && bucket.exit_code() == 2,
            "{bucket}"
        );
        let object = of(&missing("<Code>NoSuchKey</Code>"));
        assert!(object.message().contains("weiku.json is not there"), "{object}");
    }
}
