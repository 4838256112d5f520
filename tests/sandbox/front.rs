//! A small client of the tests' own: what it sends is all that the sandbox sees.

use std::io::Read;

use reqwest::{Response, StatusCode};
use serde_json::Value;
use twsync::sandbox::{Encoding, Options, Sandbox, TOKEN};

/// A sandbox and a client that holds its token.
pub(crate) struct Front {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
}

impl Front {
    pub(crate) async fn start(options: Options) -> Self {
        let sandbox = Sandbox::start(options)
            .await
            .expect("loopback can be bound");
        // Another test of this process may have been first; either provider does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_gzip()
            .no_zstd()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a plain client");
        Self { sandbox, http }
    }

    /// A request to a path below the base URL, with the token.
    pub(crate) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.bare(path).bearer_auth(TOKEN)
    }

    /// A request to a path below the base URL, without credentials.
    pub(crate) fn bare(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.sandbox.url()))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(path).send().await.expect("an answer")
    }

    pub(crate) async fn status(&self, path: &str) -> StatusCode {
        self.get(path).await.status()
    }

    /// The JSON of an answer that must be 200.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
    }

    /// The ids of every page of the list, in their order.
    pub(crate) async fn walk(&self, size: &str) -> Vec<String> {
        let mut all = Vec::new();
        for page in 1.. {
            let json = self
                .json(&format!("/admin/customers?page={page}&{size}"))
                .await;
            let ids = ids(&json);
            if ids.is_empty() {
                break;
            }
            all.extend(ids);
        }
        all
    }
}

/// The ids of one page.
pub(crate) fn ids(page: &Value) -> Vec<String> {
    let rows = page["customers"].as_array().expect("customers is an array");
    rows.iter()
        .map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

/// A body, decompressed.
pub(crate) fn unpacked(encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        Encoding::Gzip => flate2::read::GzDecoder::new(body)
            .read_to_end(&mut plain)
            .expect("gzip"),
        Encoding::Zstd => zstd::Decoder::new(body)
            .expect("zstd")
            .read_to_end(&mut plain)
            .expect("zstd"),
    };
    plain
}
