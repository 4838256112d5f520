//! HTTP: one attempt, one answer. Sends nothing but GET, because it can't.
//!
//! The credential may be able to delete customers, so no other method exists here. A redirect is an
//! answer like any other: following it would show `api-key` and `api-secret` to whomever it names.
//! This file knows no JSON, no retries and no pace.

use std::error::Error as _;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Proxy, Response};
use url::Url;

use super::credentials::Shown;
use super::error::{Cause, Error};
use crate::config;

/// Sends requests.
pub(super) struct Transport {
    client: reqwest::Client,
    response_max_bytes: u64,
}

/// A whole answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Decompressed. Whole where the status is 200; of other answers as much as came, and as is
    /// needed to say what is wrong.
    pub(super) body: Vec<u8>,
}

/// Why no whole answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("no connection could be made")]
    Unreachable(#[source] reqwest::Error),
    #[error("the server's certificate is not valid")]
    Certificate(#[source] reqwest::Error),
    #[error("no TLS is spoken there: look at http, https and the port in `api.base_url`")]
    NoTls(#[source] reqwest::Error),
    #[error("no whole answer came within the time limit")]
    TimedOut(#[source] reqwest::Error),
    /// As an idle connection does that the server closed while the request was on its way.
    #[error("the connection ended before an answer came")]
    Closed(#[source] reqwest::Error),
    #[error("the answer broke off")]
    BrokeOff(#[source] reqwest::Error),
    #[error("the answer is larger than {max_bytes} bytes (`api.response_max`)")]
    TooLarge { max_bytes: u64 },
}

impl Transport {
    /// Connects to nothing yet.
    pub(super) fn new(api: &config::Api, in_flight_max: u32) -> Result<Self, Error> {
        // Without a provider of its own choosing, reqwest takes the process's. Where another part
        // of the process was first, its choice is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("twsync/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(
                ACCEPT,
                HeaderValue::from_static("application/json"),
            )]))
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .http1_max_headers(HEADERS_MAX)
            // A header with control characters costs that header, not the answer.
            .http1_ignore_invalid_headers_in_responses(true)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(in_flight_max as usize)
            .pool_idle_timeout(IDLE_MAX)
            .connect_timeout(api.connect_timeout)
            .timeout(api.request_timeout);
        let builder = match &api.proxy {
            None => builder,
            Some(proxy) => builder.proxy(Proxy::all(proxy.clone()).map_err(unusable)?),
        };
        Ok(Self {
            client: builder.build().map_err(unusable)?,
            response_max_bytes: api.response_max_bytes,
        })
    }

    /// Asks once, and reads the answer to its end.
    pub(super) async fn get(&self, url: &Url, shown: &Shown) -> Result<Reply, Failure> {
        let request = self.client.get(url.clone()).headers(shown.headers());
        let mut response = request.send().await.map_err(before_an_answer)?;
        let status = response.status().as_u16();
        let body = if status == 200 {
            read_whole(&mut response, self.response_max_bytes).await?
        } else {
            read_beginning(&mut response, ERROR_BODY_MAX_BYTES).await
        };
        Ok(Reply {
            status,
            headers: std::mem::take(response.headers_mut()),
            body,
        })
    }
}

/// An answer with more headers than this is refused.
const HEADERS_MAX: usize = 100;
/// Shorter than what servers commonly keep an idle connection for, so that it is seldom they who
/// close one.
const IDLE_MAX: std::time::Duration = std::time::Duration::from_secs(20);
/// As much of an error's body as is read.
const ERROR_BODY_MAX_BYTES: usize = 64 << 10;

/// Reads to the end, unless the end does not come within `max_bytes` of decompressed body.
async fn read_whole(response: &mut Response, max_bytes: u64) -> Result<Vec<u8>, Failure> {
    let announced = response.content_length().unwrap_or(0);
    if announced > max_bytes {
        return Err(Failure::TooLarge { max_bytes });
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = response.chunk().await.map_err(within_an_answer)? {
        if body.len() as u64 + chunk.len() as u64 > max_bytes {
            return Err(Failure::TooLarge { max_bytes });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an error says beyond its status is worth having, and not worth failing for.
async fn read_beginning(response: &mut Response, max_bytes: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk[..chunk.len().min(max_bytes - body.len())]);
        if body.len() == max_bytes {
            break;
        }
    }
    body
}

fn unusable(error: reqwest::Error) -> Error {
    Error::Settings {
        what: "no HTTP client can be made of the `[api]` settings".to_owned(),
        source: Some(Box::new(error.without_url())),
    }
}

fn before_an_answer(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let refusal = refusal_of_tls(&error);
    if let Some(rustls::Error::InvalidCertificate(_)) = refusal {
        Failure::Certificate(error)
    } else if let Some(rustls::Error::InvalidMessage(_)) = refusal {
        Failure::NoTls(error)
    } else if error.is_timeout() {
        Failure::TimedOut(error)
    } else if error.is_connect() {
        Failure::Unreachable(error)
    } else {
        Failure::Closed(error)
    }
}

fn within_an_answer(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_timeout() {
        Failure::TimedOut(error)
    } else {
        Failure::BrokeOff(error)
    }
}

/// Looks through the causes for what rustls said.
fn refusal_of_tls(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref() {
            return Some(refusal);
        }
        // An `io::Error` shows what it wraps here, and as its source only what lies below that.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

impl Failure {
    /// What lies below, to be carried as a source.
    pub(super) fn into_cause(self) -> Option<Cause> {
        match self {
            Self::Unreachable(error)
            | Self::Certificate(error)
            | Self::NoTls(error)
            | Self::TimedOut(error)
            | Self::Closed(error)
            | Self::BrokeOff(error) => Some(Box::new(error)),
            Self::TooLarge { .. } => None,
        }
    }
}
