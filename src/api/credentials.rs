//! The credentials: looked up when they are needed, shown as headers that cannot print themselves.
//!
//! Files are read anew for every attempt, so that a rotated secret is taken up without a restart.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::error::Error;
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

impl Credentials {
    /// Looks the credentials up once, so that a wrong setting is found before any request.
    pub(super) fn new(source: Option<&config::Credentials>) -> Result<Self, Error> {
        let source = source
            .cloned()
            .ok_or_else(|| Error::settings("no credentials for the API are configured"))?;
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
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose_secret(), "[secret]")
        })
    }

    fn read(source: &config::Credentials) -> Result<Self, Error> {
        let mut shown = Self {
            headers: HeaderMap::new(),
            secrets: Vec::new(),
        };
        match source {
            config::Credentials::Bearer(token) => {
                let token = read(token, "api.token")?;
                let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
                shown.add(AUTHORIZATION, &bearer, token)?;
            }
            config::Credentials::KeyPair { key, secret } => {
                let key = read(key, "api.key")?;
                let secret = read(secret, "api.secret")?;
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

/// The secret, without the line break that editors put at a file's end.
fn read(source: &config::SecretSource, setting: &str) -> Result<SecretString, Error> {
    let whole = match source {
        config::SecretSource::Inline(secret) => secret.clone(),
        config::SecretSource::File(path) => read_file(path, setting)?,
    };
    let secret = whole.expose_secret().trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Error::settings(format!("`{setting}` is empty")));
    }
    if secret.chars().any(char::is_control) {
        return Err(Error::settings(format!(
            "`{setting}` holds a control character"
        )));
    }
    Ok(SecretString::from(secret))
}

/// No secret is longer; a path that leads to something else is noticed.
const FILE_MAX_BYTES: u64 = 64 << 10;

fn read_file(path: &Path, setting: &str) -> Result<SecretString, Error> {
    let unreadable = |error: std::io::Error| Error::Settings {
        what: format!("`{setting}`: the file {} can't be read", path.display()),
        source: Some(Box::new(error)),
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & others(path) != 0 {
        return Err(Error::settings(format!(
            "`{setting}`: others may read the file {} (mode {:04o}); `chmod 600` it",
            path.display(),
            mode & 0o7777
        )));
    }
    let mut text = String::new();
    file.take(FILE_MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(SecretString::from(text))
}

/// The permissions that nobody but the owner may have. systemd hands credentials to an unprivileged
/// service by an access control list, whose mask shows as permission of the group, in a folder that
/// only the service can enter (systemd.exec(5), "Credentials").
fn others(path: &Path) -> u32 {
    if path.starts_with("/run/credentials") {
        0o004
    } else {
        0o044
    }
}
