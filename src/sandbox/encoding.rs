//! Compressed answers, for clients that ask for them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};

use super::reply::Reply;

/// The encodings that the sandbox can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952
    Gzip,
    /// RFC 8878
    Zstd,
}

impl Encoding {
    /// The first of ours among those that the client accepts.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let accepted = headers
            .get_all(ACCEPT_ENCODING)
            .iter()
            .filter_map(|line| line.to_str().ok());
        accepted.flat_map(|line| line.split(',')).find_map(|offer| {
            let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .is_some_and(|q| q.parse() == Ok(0.0));
            match name.trim() {
                _ if refused => None,
                "gzip" => Some(Self::Gzip),
                "zstd" => Some(Self::Zstd),
                _ => None,
            }
        })
    }

    /// Its name in `Content-Encoding`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Compresses in one go.
    pub(super) fn pack(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).expect("a buffer takes all");
                encoder.finish().expect("a buffer takes all")
            }
            Self::Zstd => zstd::bulk::compress(plain, 1).expect("a buffer takes all"),
        }
    }

    /// Compresses a reply, unless it has an encoding already or nothing to compress.
    pub(super) fn apply(self, reply: &mut Reply) {
        if !reply.body.is_empty() && !reply.headers.contains_key(CONTENT_ENCODING) {
            reply.body = self.pack(&reply.body);
            reply
                .headers
                .insert(CONTENT_ENCODING, HeaderValue::from_static(self.name()));
            reply
                .headers
                .insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
    }
}
