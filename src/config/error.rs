//! What can be wrong with settings, said so that whoever reads it at night knows what to type.

use std::fmt;
use std::path::{Path, PathBuf};

use super::settings;
use crate::report::{Exit, steers};

/// Where a setting's value comes from. A later one outranks those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// A file that systemd handed over, in `$CREDENTIALS_DIRECTORY`.
    Credential(&'static str),
    /// The settings file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The environment variable of this name.
    Environment(String),
    /// `--set` on the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {}", name.escape_debug()),
            Self::Flag => f.write_str("--set"),
        }
    }
}

/// Why there is no [`Config`](super::Config). Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings file can't be read.
    #[error("can't read the settings file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("{origin}: not TOML: {problem}")]
    Syntax {
        /// Where.
        origin: Origin,
        /// What is wrong, without the line itself: it may hold a secret.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting {}", key.escape_debug())]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// What it was called.
        key: String,
        /// The setting that was most likely meant, named as at its origin.
        nearest: Option<String>,
    },
    /// A value of a wrong type, or one that can't be.
    #[error("{origin}: {key}: {value} is not {}", printable(wanted))]
    Value {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        key: String,
        /// The value, or words in place of a secret one.
        value: String,
        /// What it should have been.
        wanted: String,
    },
    /// A mirror and a lake that can't be where they are to be.
    #[error("mirror.path ({mirror}) and lake.path ({lake}) {why}")]
    Conflict {
        /// Where the mirror's is said.
        mirror: Origin,
        /// Where the lake's is said.
        lake: Origin,
        /// What they are to each other.
        why: &'static str,
    },
    /// A value that can't be a secret; nothing of it is shown.
    #[error("{origin}: {key} {problem}")]
    Secret {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        key: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// A secret on the command line, where every user of the machine can read it.
    #[error("--set: {key} is a secret, and the command line is no place for one")]
    SecretOnCommandLine {
        /// The setting.
        key: String,
    },
    /// One secret in two places of the same rank.
    #[error("{second}: {secret} is already given by {first}")]
    SecretTwice {
        /// Which: `api.token`, `api.key` or `api.secret`.
        secret: &'static str,
        /// One place.
        first: Origin,
        /// The other.
        second: Origin,
    },
    /// Both a token and a key pair.
    #[error("two kinds of credentials: a token ({token}) and a key pair ({pair})")]
    TwoKinds {
        /// Where the token is.
        token: Origin,
        /// Where the key or its secret is.
        pair: Origin,
    },
    /// A key without its secret, or a secret without its key.
    #[error("{origin}: {given} is given, but not {missing}")]
    HalfPair {
        /// Where the given half is.
        origin: Origin,
        /// The half that is there.
        given: &'static str,
        /// The half that is not.
        missing: &'static str,
    },
    /// Nothing to show the server.
    #[error("no credentials are configured")]
    NoCredentials,
    /// The file of a secret can't be read.
    #[error("can't read the secret in {}", path.display())]
    SecretUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner can read the file of a secret, or write it.
    #[error("the secret in {} is open to others than its owner (mode {mode:04o})", path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// What stands where a secret is to stand can't be one.
    #[error("the secret in {} {problem}", path.as_deref().unwrap_or(Path::new("the settings")).display())]
    SecretMalformed {
        /// The file; none where it stands in the settings themselves.
        path: Option<PathBuf>,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Error {
    /// Always 78.
    pub fn exit(&self) -> Exit {
        Exit::Config
    }

    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "name another file with --config or $TWSYNC_CONFIG".into(),
            Self::Syntax { .. } => {
                "settings look like this: [api] on one line, page_size = 100 on the next".into()
            }
            Self::Unknown { nearest, .. } => match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`twsync config` lists every setting".into(),
            },
            Self::Value { key, .. } => match settings::default_of(key) {
                Some(default) => format!("the default is {default}; remove it to get that"),
                None => "`twsync config` lists every setting".into(),
            },
            Self::Conflict { .. } => {
                "give the lake a folder of its own, such as data/lake beside data/mirror.db".into()
            }
            Self::Secret { .. } => "give the credential alone, on one line".into(),
            Self::SecretOnCommandLine { key } => format!(
                "put it in a file and name that in {key}_file, or use {}",
                variable(key)
            ),
            Self::SecretTwice { secret, .. } => {
                format!("keep one of {secret} and {secret}_file")
            }
            Self::TwoKinds { .. } => {
                "keep one: api.token, or api.key and api.secret (or their _file forms)".into()
            }
            Self::HalfPair { missing, .. } => {
                format!("set {missing} or {missing}_file as well")
            }
            Self::NoCredentials => {
                "set TWSYNC_API__TOKEN, or api.token_file, or api.key_file and api.secret_file; \
                 `twsync demo` needs none"
                    .into()
            }
            Self::SecretUnreadable { .. } => {
                "check the path, and that this user may read it".into()
            }
            Self::SecretExposed { path, .. } => format!("chmod 600 {}", path.display()),
            Self::SecretMalformed { .. } => "the secret must stand there alone, on one line".into(),
        }
    }
}

/// Words of a library's, which may repeat a value as it stands.
fn printable(words: &str) -> String {
    let letters = words.chars().map(|letter| match letter {
        letter if steers(letter) => letter.escape_unicode().to_string(),
        letter => letter.to_string(),
    });
    letters.collect()
}

/// The environment variable of a setting: `api.page_size` is `TWSYNC_API__PAGE_SIZE`.
pub(super) fn variable(key: &str) -> String {
    format!("TWSYNC_{}", key.replace('.', "__").to_uppercase())
}
