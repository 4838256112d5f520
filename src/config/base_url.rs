//! Where the API is: a URL that credentials may be sent to. No other can be made.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::value::{Raw, Wrong};

const WANTED: &str = "an https:// URL (http:// only to loopback)";

/// A URL a credential may be sent to: `https`, or `http` to this machine; nothing but scheme, host,
/// port and path in it. Without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// A text that is no [`BaseUrl`].
#[derive(Debug, thiserror::Error)]
#[error("this is not {wanted}")]
pub struct NoBaseUrl {
    wanted: String,
}

impl BaseUrl {
    /// It, as any URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    pub(super) fn parse(raw: Raw<'_>) -> Result<Self, Wrong> {
        let url = raw.plain_url(WANTED)?;
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            _ => Err(WANTED.into()),
        }
    }
}

impl FromStr for BaseUrl {
    type Err = NoBaseUrl;

    fn from_str(text: &str) -> Result<Self, NoBaseUrl> {
        Self::parse(Raw::Plain(text)).map_err(|wrong| NoBaseUrl {
            wanted: wrong.wanted,
        })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_only_where_nobody_listens_in() {
        for good in [
            "https://apis.threatwinds.com/api/billing/v1",
            "http://127.0.0.1:8080/v1",
            "http://127.8.9.1",
            "http://localhost/",
            "http://LocalHost/",
            "http://[::1]:1/v1",
        ] {
            assert!(good.parse::<BaseUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "apis.threatwinds.com",
            "http://apis.threatwinds.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::2]/v1",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "https://host/v1?a=b",
            "https://host/v1#a",
            "https://user@host/",
            "https://user:canary@host/",
            "https://:canary@host/",
        ] {
            let error = bad.parse::<BaseUrl>().expect_err(bad);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_not_repeated() {
        for text in ["https://u:canary@host/", "https://u:canary@host:no-port/"] {
            assert!(BaseUrl::parse(Raw::Text(text)).expect_err("refused").hide);
        }
    }

    #[test]
    fn it_ends_without_a_slash() {
        let url: BaseUrl = "https://host/v1/".parse().expect("a URL");
        assert_eq!(url.to_string(), "https://host/v1");
    }
}
