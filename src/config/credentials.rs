//! Credentials: where each secret stands, and how it is read without ever being shown.
//!
//! A secret is found when settings are loaded and read when it is needed, so that a rotated file
//! is taken up and commands that need no secret work without the right to read one.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::{Config, Error};

/// A secret longer than this is not one: the file's name is wrong.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// It stands in the settings or the environment.
    Inline(SecretString),
    /// It stands in a file: the setting `…_file`, or a systemd credential.
    File(PathBuf),
}

/// Which of the two kinds of credentials the API is to be shown.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// `Authorization: Bearer …`
    Bearer(SecretSource),
    /// `api-key` and `api-secret`
    KeyPair {
        /// The key's name.
        key: SecretSource,
        /// The key's secret.
        secret: SecretSource,
    },
}

impl SecretSource {
    /// The secret as it is now, without the newline at its end.
    ///
    /// A file that others than its owner may read, that is empty, or that holds anything but printable
    /// ASCII is an error. Of a file that belongs to root the group may read, too.
    pub fn read(&self) -> Result<SecretString, Error> {
        match self {
            Self::Inline(secret) => {
                parse(secret.expose_secret()).map_err(|problem| Error::SecretMalformed {
                    path: None,
                    problem,
                })
            }
            Self::File(path) => read_file(path),
        }
    }
}

impl Credentials {
    /// The secrets in it, in the order in which they are named.
    pub fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        let (first, second) = match self {
            Self::Bearer(token) => (token, None),
            Self::KeyPair { key, secret } => (key, Some(secret)),
        };
        std::iter::once(first).chain(second)
    }
}

impl Config {
    /// The credentials, each of them readable at this moment: what a command that talks to the
    /// API asks for before it does anything else.
    pub fn credentials(&self) -> Result<&Credentials, Error> {
        let credentials = self.api.credentials.as_ref().ok_or(Error::NoCredentials)?;
        for source in credentials.sources() {
            source.read()?;
        }
        Ok(credentials)
    }
}

/// `text` as a secret; the error says what is wrong with it and shows nothing of it.
pub(super) fn parse(text: &str) -> Result<SecretString, &'static str> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("is empty");
    }
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err("holds a control character, or one that is not ASCII");
    }
    Ok(SecretString::from(text))
}

fn read_file(path: &Path) -> Result<SecretString, Error> {
    let unreadable = |source| Error::SecretUnreadable {
        path: path.to_owned(),
        source,
    };
    let malformed = |problem| Error::SecretMalformed {
        path: Some(path.to_owned()),
        problem,
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if is_exposed(metadata.mode(), metadata.uid()) {
        return Err(Error::SecretExposed {
            path: path.to_owned(),
            mode: metadata.mode() & 0o777,
        });
    }
    let mut bytes = Vec::new();
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(malformed("is longer than 16 KiB"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("is not text"))?;
    parse(text).map_err(malformed)
}

/// Whether others than root and one user may read a file, or write it.
///
/// What root hands to a user stays root's own, and its group is how the user reads it: so systemd's
/// credentials are 0440 (their access list shows as the group's bits), and so is what an administrator
/// gives to a service's group. In a file that a user made the group is mere chance.
const fn is_exposed(mode: u32, owner: u32) -> bool {
    let allowed = if owner == 0 { 0o740 } else { 0o700 };
    mode & 0o777 & !allowed != 0
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn secret_file(content: &[u8], mode: u32) -> (tempfile::TempDir, SecretSource) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("secret");
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("permitted");
        (dir, SecretSource::File(path))
    }

    #[test]
    fn a_newline_at_the_end_is_not_part_of_a_secret() {
        for content in ["canary", "canary\n", "canary\r\n", "canary\n\n"] {
            let (_dir, source) = secret_file(content.as_bytes(), 0o600);
            assert_eq!(source.read().expect("read").expose_secret(), "canary");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let (_dir, source) = secret_file(b"canary", 0o644);
        assert!(matches!(
            source.read(),
            Err(Error::SecretExposed { mode: 0o644, .. })
        ));
    }

    #[test]
    fn the_group_may_read_what_belongs_to_root() {
        for mode in [0o400, 0o600, 0o700] {
            assert!(!is_exposed(mode, 0) && !is_exposed(mode, 1000), "{mode:o}");
        }
        for mode in [0o440, 0o640] {
            assert!(!is_exposed(mode, 0) && is_exposed(mode, 1000), "{mode:o}");
        }
        for mode in [0o404, 0o604, 0o644, 0o620, 0o602, 0o660, 0o666, 0o610] {
            assert!(is_exposed(mode, 0) && is_exposed(mode, 1000), "{mode:o}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_and_not_shown() {
        let too_long = vec![b'a'; 20_000];
        for content in [
            &b""[..],
            b"\n",
            b"can\nary",
            b"can\x1bary",
            b"can\xc3\xa9ary",
            b"\xffcanary",
            &too_long,
        ] {
            let (_dir, source) = secret_file(content, 0o600);
            let error = source.read().expect_err("refused");
            assert!(matches!(error, Error::SecretMalformed { .. }));
            assert!(!format!("{error:?} {error}").contains("canary"));
        }
    }

    #[test]
    fn a_rotated_file_is_taken_up() {
        let (_dir, source) = secret_file(b"before", 0o600);
        source.read().expect("read");
        let SecretSource::File(path) = &source else {
            unreachable!("made from a file")
        };
        std::fs::write(path, "after").expect("rotated");
        assert_eq!(source.read().expect("read").expose_secret(), "after");
    }
}
