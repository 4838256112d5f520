//! The clouds: which one a bucket is in, how it is spoken to, and what it says when it refuses.
//!
//! What a server sends with a refusal may repeat what it was sent, so nobody is shown more of it
//! than its code, its message and the cause at the bottom, without any secret of ours.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{BackoffConfig, ClientOptions, Error as Refused, ObjectStore, RetryConfig};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::config::Cloud;

use super::Error;
use super::error::Refusal;

/// For one attempt, until the last byte of its answer; it may send five MiB.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// A request that fails is sent again so many times,
const RETRIES_MAX: usize = 4;

/// and not after this.
const RETRY_TIMEOUT: Duration = Duration::from_mins(2);

/// The longest that publishing says nothing: one request, and its last attempt.
pub(super) const SILENCE_MAX: Duration = RETRY_TIMEOUT.saturating_add(REQUEST_TIMEOUT);

/// Letters of a server's words that are shown.
const WORDS_MAX: usize = 240;

/// A secret shorter than this is no word to look for.
const SECRET_BYTES_MIN: usize = 6;

/// A cloud's builder with the bucket, what the environment says, and our patience. Variables that
/// the builder does not know are other programs'.
macro_rules! store {
    ($builder:ty, $url:expr, $cloud:expr) => {{
        let mut builder = <$builder>::new()
            .with_url($url.to_string())
            .with_client_options(client())
            .with_retry(retry());
        for (name, value) in $cloud.variables() {
            if let Ok(key) = name.to_ascii_lowercase().parse() {
                must_be_address(name, value)?;
                builder = builder.with_config(key, value.expose_secret());
            }
        }
        Arc::new(builder.build()?)
    }};
}

/// The bucket of `url`. Nothing is asked for yet.
pub(super) fn store(url: &Url, cloud: &Cloud) -> Result<Arc<dyn ObjectStore>, Refused> {
    // Another part of the program may have chosen already, and has chosen the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(match url.scheme() {
        "gs" => store!(GoogleCloudStorageBuilder, url, cloud),
        "az" => store!(MicrosoftAzureBuilder, url, cloud),
        _ => store!(AmazonS3Builder, url, cloud),
    })
}

/// An endpoint must be an address: the crate would take any text, and panic at the first request.
fn must_be_address(name: &str, value: &SecretString) -> Result<(), Refused> {
    let name_in_capitals = name.to_ascii_uppercase();
    let is_endpoint = ["ENDPOINT", "BASE_URL"]
        .iter()
        .any(|word| name_in_capitals.contains(word));
    let value = value.expose_secret();
    let is_address = Url::parse(value)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_address || value.is_empty() || !is_endpoint {
        return Ok(());
    }
    Err(Refused::Generic {
        store: "environment",
        source: format!("{name} is no address that begins with https:// or http://").into(),
    })
}

fn client() -> ClientOptions {
    const AGENT: &str = concat!("twsync/", env!("CARGO_PKG_VERSION"));
    ClientOptions::new()
        .with_user_agent(HeaderValue::from_static(AGENT))
        .with_timeout(REQUEST_TIMEOUT)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    }
}

/// Turns what goes wrong with a bucket into words that may be shown.
pub(super) struct Words {
    url: String,
    secrets: Vec<SecretString>,
}

impl Words {
    /// For this bucket; the environment's values are kept out of all words.
    pub(super) fn new(url: &Url, cloud: &Cloud) -> Self {
        let is_secret = |name: &str| {
            let name = name.to_ascii_uppercase();
            ["KEY", "TOKEN", "SECRET", "PASSWORD", "SIGNATURE"]
                .iter()
                .any(|word| name.contains(word))
        };
        let secrets = cloud.variables().filter(|(name, value)| {
            is_secret(name) && value.expose_secret().len() >= SECRET_BYTES_MIN
        });
        Self {
            url: url.to_string(),
            secrets: secrets.map(|(_, value)| value.clone()).collect(),
        }
    }

    /// What the cloud, or the way there, refused.
    pub(super) fn refused(&self, error: &(dyn StdError + 'static)) -> Error {
        let cause = causes(error).last().unwrap_or(error);
        Error::Bucket {
            url: self.url.clone(),
            refusal: refusal(error),
            what: self.shown(said(&cause.to_string())),
        }
    }

    /// What the environment says can't be used.
    pub(super) fn settings(&self, error: &(dyn StdError + 'static)) -> Error {
        // The first only says which cloud's it is; the others each say what those below them do.
        let cause = error.source().unwrap_or(error);
        Error::Bucket {
            url: self.url.clone(),
            refusal: Refusal::Settings,
            what: self.shown(without_quotations(&cause.to_string())),
        }
    }

    /// An object that nobody but twsync should have put there, and that is not twsync's.
    pub(super) fn foreign(&self, name: &str, what: &str) -> Error {
        Error::Manifest {
            path: PathBuf::from(&self.url).join(name),
            what: what.to_owned(),
        }
    }

    fn shown(&self, mut words: String) -> String {
        for secret in &self.secrets {
            words = words.replace(secret.expose_secret(), "***");
        }
        words = words.replace(char::is_control, " ");
        words.chars().take(WORDS_MAX).collect()
    }
}

fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Whether it is the bucket that is not there, and not just an object. There is no type that says so.
pub(super) fn is_without_bucket(error: &(dyn StdError + 'static)) -> bool {
    let cause = causes(error).last().unwrap_or(error).to_string();
    ["NoSuchBucket", "ContainerNotFound"]
        .iter()
        .any(|code| cause.contains(code))
}

fn refusal(error: &(dyn StdError + 'static)) -> Refusal {
    if is_without_bucket(error) {
        return Refusal::Missing;
    }
    match causes(error).find_map(|cause| cause.downcast_ref::<Refused>()) {
        Some(Refused::PermissionDenied { .. } | Refused::Unauthenticated { .. }) => {
            Refusal::Forbidden
        }
        Some(Refused::NotImplemented { .. } | Refused::NotSupported { .. }) => Refusal::Unable,
        _ => Refusal::Unreachable,
    }
}

/// Who complains of a value may quote it, or a part of it, in other letters than the environment's.
fn without_quotations(words: &str) -> String {
    let mut parts: Vec<&str> = words.split('"').collect();
    parts
        .iter_mut()
        .skip(1)
        .step_by(2)
        .for_each(|it| *it = "***");
    parts.join("\"")
}

/// The code and the message of an answer in XML, after what stands before it; else the first line.
fn said(cause: &str) -> String {
    let cause = cause
        .strip_prefix("Server returned non-2xx status code: ")
        .unwrap_or(cause);
    let Some((status, body)) = cause.split_once('<') else {
        let line = cause.lines().next().unwrap_or_default().trim();
        return line.trim_end_matches(':').to_owned();
    };
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("{name}>"))?;
        rest.split_once("</").map(|(text, _)| text.trim())
    };
    let parts = [
        Some(status.trim().trim_end_matches(':')),
        element("Code"),
        element("Message"),
    ];
    let parts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter(|it| !it.is_empty())
        .collect();
    parts.join(": ")
}
