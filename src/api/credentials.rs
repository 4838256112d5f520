//! The credentials: looked up when they are needed, shown as headers that cannot print themselves.
//!
//! Files are read anew for every attempt, so that a rotated secret is taken up without a restart.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::Error;
use super::mask;
use crate::config;

/// Where the credentials come from.
pub(super) struct Credentials {
    source: config::Credentials,
    /// What was found at the start, where no file can change it.
    fixed: Option<Arc<Shown>>,
}

/// Credentials as they were shown to the server in one attempt.
pub(super) struct Shown {
    headers: HeaderMap,
    secrets: Vec<SecretString>,
}

/// Nobody is named by so many bytes of a secret.
const UNLIKELY_BYTES: usize = 12;

impl Credentials {
    /// Looks the credentials up once, so that a wrong setting is found before any request.
    pub(super) fn new(source: Option<&config::Credentials>) -> Result<Self, Error> {
        let source = source.cloned().ok_or(config::Error::NoCredentials)?;
        let first = Arc::new(Shown::read(&source)?);
        let fixed = (!has_a_file(&source)).then_some(first);
        Ok(Self { source, fixed })
    }

    /// The credentials as they are now.
    pub(super) fn look_up(&self) -> Result<Arc<Shown>, Error> {
        match &self.fixed {
            Some(shown) => Ok(Arc::clone(shown)),
            None => Shown::read(&self.source).map(Arc::new),
        }
    }

    /// True for `api-key` and `api-secret`, false for a bearer token.
    pub(super) fn are_a_key_pair(&self) -> bool {
        matches!(self.source, config::Credentials::KeyPair { .. })
    }
}

fn has_a_file(source: &config::Credentials) -> bool {
    let is_a_file = |source: &_| matches!(source, config::SecretSource::File(_));
    match source {
        config::Credentials::Bearer(token) => is_a_file(token),
        config::Credentials::KeyPair { key, secret } => is_a_file(key) || is_a_file(secret),
    }
}

impl Shown {
    /// The headers to send, each marked as sensitive.
    pub(super) fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    /// True where the server would be shown the same again.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.headers == other.headers
    }

    /// The text without these secrets, wherever the server put one into it.
    pub(super) fn mask(&self, text: &str) -> String {
        mask::text(text, self.secrets())
    }

    /// Masks these secrets in a body that may be JSON, and tells whether there were any. What is so
    /// short that data may hold it by chance stays.
    pub(super) fn mask_body(&self, body: &mut Vec<u8>) -> bool {
        let Ok(json) = std::str::from_utf8(body) else {
            return false;
        };
        let unlikely = self.secrets().filter(|it| it.len() >= UNLIKELY_BYTES);
        let Some(masked) = mask::json(json, unlikely) else {
            return false;
        };
        *body = masked.into_bytes();
        true
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(ExposeSecret::expose_secret)
    }

    fn read(source: &config::Credentials) -> Result<Self, Error> {
        let mut shown = Self {
            headers: HeaderMap::new(),
            secrets: Vec::new(),
        };
        match source {
            config::Credentials::Bearer(token) => {
                let token = token.read()?;
                let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
                shown.add(AUTHORIZATION, &bearer, token)?;
            }
            config::Credentials::KeyPair { key, secret } => {
                let key = key.read()?;
                let secret = secret.read()?;
                shown.add(HeaderName::from_static("api-key"), &key.clone(), key)?;
                shown.add(
                    HeaderName::from_static("api-secret"),
                    &secret.clone(),
                    secret,
                )?;
            }
        }
        Ok(shown)
    }

    fn add(
        &mut self,
        name: HeaderName,
        line: &SecretString,
        secret: SecretString,
    ) -> Result<(), Error> {
        let mut value = HeaderValue::from_bytes(line.expose_secret().as_bytes())
            .map_err(|_| Error::settings(format!("the secret for `{name}` can't be a header")))?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.secrets.push(secret);
        Ok(())
    }
}

#[cfg(any(test, fuzzing))]
impl Shown {
    /// For tests of what is done with shown credentials.
    pub(super) fn of_bearer(token: &str) -> Self {
        let token = config::SecretSource::Inline(SecretString::from(token));
        Self::read(&config::Credentials::Bearer(token)).expect("usable credentials")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn inline(secret: &str) -> config::SecretSource {
        config::SecretSource::Inline(SecretString::from(secret))
    }

    fn credentials(token: config::SecretSource) -> Result<Credentials, Error> {
        Credentials::new(Some(&config::Credentials::Bearer(token)))
    }

    fn header(credentials: &Credentials, name: &str) -> String {
        let headers = credentials.look_up().expect("credentials").headers();
        let value = headers.get(name).expect("the header");
        assert!(value.is_sensitive());
        value.to_str().expect("text").to_owned()
    }

    /// A file with this content and mode, in a folder that goes when the guard goes.
    fn file(content: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        (folder, path)
    }

    fn why_not(credentials: Result<Credentials, Error>) -> String {
        let error = credentials.err().expect("an error");
        assert_eq!(error.exit(), crate::report::Exit::Config);
        error.to_string()
    }

    #[test]
    fn a_token_or_a_pair_is_shown_and_never_both() {
        let token = credentials(inline("abc")).expect("usable");
        assert_eq!(header(&token, "authorization"), "Bearer abc");
        assert_eq!(token.look_up().expect("credentials").headers().len(), 1);
        let pair = Credentials::new(Some(&config::Credentials::KeyPair {
            key: inline("k"),
            secret: inline("s"),
        }))
        .expect("usable");
        assert_eq!(header(&pair, "api-key"), "k");
        assert_eq!(header(&pair, "api-secret"), "s");
        assert_eq!(pair.look_up().expect("credentials").headers().len(), 2);
    }

    #[test]
    fn what_can_not_be_a_header_is_refused_and_not_shown() {
        for bad in ["a\nb", "a\tb", "a\0b", "\u{7f}", "\u{85}", "", "\n"] {
            let why = why_not(credentials(inline(bad)));
            assert!(
                bad.trim().is_empty() || !why.contains(bad),
                "shows it: {why}"
            );
        }
    }

    #[test]
    fn none_at_all_is_a_matter_of_the_settings() {
        assert!(why_not(Credentials::new(None)).contains("no credentials"));
    }

    #[test]
    fn a_file_is_read_anew_each_time() {
        let (_folder, path) = file("one\n", 0o600);
        let token = credentials(config::SecretSource::File(path.clone())).expect("usable");
        assert_eq!(header(&token, "authorization"), "Bearer one");
        std::fs::write(&path, "two").expect("written");
        assert_eq!(header(&token, "authorization"), "Bearer two");
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = PathBuf::from("/nowhere/token");
        let why = why_not(credentials(config::SecretSource::File(path)));
        assert!(why.contains("/nowhere/token"), "{why}");
    }

    #[test]
    fn of_a_pair_only_what_is_long_is_masked_in_a_body() {
        let shown = Shown::read(&config::Credentials::KeyPair {
            key: inline("prod"),
            secret: inline("s3cret-of-production"),
        })
        .expect("usable");
        let mut body = br#"{"product":"s3cret-of-production"}"#.to_vec();
        assert!(shown.mask_body(&mut body));
        assert_eq!(body, br#"{"product":"[secret]"}"#);
        let mut body = br#"{"product":"prod"}"#.to_vec();
        assert!(!shown.mask_body(&mut body));
        assert_eq!(body, br#"{"product":"prod"}"#);
    }

    #[test]
    fn whatever_prints_the_headers_shows_no_secret() {
        let shown = Shown::of_bearer("s3cret");
        assert!(!format!("{:?}", shown.headers()).contains("s3cret"));
    }
}
