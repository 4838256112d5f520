//! From a file, the environment and flags to one [`Config`], and where each setting came from.
//!
//! Layers are laid one over the other; a later one outranks those before it. Nothing is skipped
//! in silence: a key that nobody knows is an error wherever it stands.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::credentials::{self, Credentials, SecretSource};
use super::error::variable;
use super::places;
use super::settings::{self, SECRETS, SETTINGS};
use super::value::{Raw, quote};
use super::{Cloud, Config, Error, Location, Origin};

/// The prefix of every environment variable of ours.
const PREFIX: &str = "TWSYNC_";

/// Variables with the prefix that are not settings: the settings file, and the log filter.
const NOT_SETTINGS: [&str; 2] = ["TWSYNC_CONFIG", "TWSYNC_LOG"];

/// Where a settings file is looked for when none is named. The first that exists is the one.
const FILES: [&str; 2] = ["twsync.toml", "/etc/twsync/twsync.toml"];

/// Where settings are to be taken from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// `--set`: key and value.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// This process's environment under what its command line says.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        Self {
            file,
            environment: std::env::vars_os().collect(),
            flags,
        }
    }

    fn variable(&self, name: &str) -> Option<&OsString> {
        let value = self.environment.get(OsStr::new(name))?;
        (!value.is_empty()).then_some(value)
    }
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What they say.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
    secrets: [Option<Found>; 3],
}

/// One setting, for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Section and name.
    pub key: &'static str,
    /// The value as TOML; none where it is secret.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

#[derive(Clone, Debug)]
struct Found {
    source: SecretSource,
    origin: Origin,
}

/// The settings that `sources` give, checked; reads the settings file.
pub fn load(sources: &Sources) -> Result<Settings, Error> {
    let mut settings = Settings {
        config: Config::default(),
        file: None,
        origins: BTreeMap::new(),
        secrets: [None, None, None],
    };
    settings.take_credentials(sources);
    if let Some((path, text)) = read_file(sources)? {
        settings.take_file(&path, &text)?;
        settings.file = Some(path);
    }
    settings.take_environment(&sources.environment)?;
    settings.take_flags(&sources.flags)?;
    settings.refuse_conflict()?;
    settings.config.api.credentials = assemble(&settings.secrets)?;
    if let Some(Location::Bucket(url)) = &settings.config.lake.path {
        settings.config.lake.cloud = Cloud::of_environment(url, &sources.environment);
    }
    Ok(settings)
}

impl Settings {
    /// Every setting and every secret that is set, section by section.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = SETTINGS
            .iter()
            .map(|setting| Entry {
                key: setting.key,
                value: Some((setting.show)(&self.config)),
                origin: self.origin(setting.key),
            })
            .collect();
        let secrets = SECRETS.iter().zip(&self.secrets);
        let secrets = secrets.filter_map(|(secret, found)| {
            let found = found.as_ref()?;
            let (key, value) = match &found.source {
                SecretSource::Inline(_) => (secret.key, None),
                SecretSource::File(path) => (secret.file_key, Some(quote(&path.to_string_lossy()))),
            };
            let origin = found.origin.clone();
            Some(Entry { key, value, origin })
        });
        let end_of_api = entries
            .iter()
            .take_while(|it| it.key.starts_with("api."))
            .count();
        let secrets: Vec<Entry> = secrets.collect();
        entries.splice(end_of_api..end_of_api, secrets);
        entries
    }

    fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn refuse_conflict(&self) -> Result<(), Error> {
        let lake = self.config.lake.path.as_ref().and_then(Location::folder);
        let conflict = lake.and_then(|lake| places::conflict(&self.config.mirror.path, lake));
        conflict.map_or(Ok(()), |why| {
            Err(Error::Conflict {
                mirror: self.origin("mirror.path"),
                lake: self.origin("lake.path"),
                why,
            })
        })
    }

    fn take_credentials(&mut self, sources: &Sources) {
        let Some(directory) = sources.variable("CREDENTIALS_DIRECTORY") else {
            return;
        };
        for (secret, found) in SECRETS.iter().zip(&mut self.secrets) {
            let path = Path::new(directory).join(secret.credential);
            if path.exists() {
                *found = Some(Found {
                    source: SecretSource::File(path),
                    origin: Origin::Credential(secret.credential),
                });
            }
        }
    }

    fn take_file(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let origin = |at: usize| Origin::File {
            path: path.to_owned(),
            line: 1 + text.get(..at).unwrap_or(text).matches('\n').count(),
        };
        let root = DeTable::parse(text).map_err(|error| Error::Syntax {
            origin: origin(error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        for (section, value) in in_order(root.get_ref()) {
            let at = origin(section.span().start);
            let is_section = settings::sections().any(|known| known == section.get_ref());
            let table = match value.get_ref() {
                DeValue::Table(table) if is_section => table,
                DeValue::Table(_) => return Err(unknown_section(section.get_ref(), at)),
                other if is_section => {
                    return Err(Error::Value {
                        origin: at,
                        key: section.get_ref().to_string(),
                        value: Raw::of(other).shown(),
                        wanted: format!("a section: [{}] on a line of its own", section.get_ref()),
                    });
                }
                _ => return Err(unknown(section.get_ref(), at)),
            };
            for (name, value) in in_order(table) {
                let key = format!("{}.{}", section.get_ref(), name.get_ref());
                let at = origin(name.span().start);
                self.take(&key, Raw::of(value.get_ref()), at)?;
            }
        }
        Ok(())
    }

    fn take_environment(&mut self, all: &BTreeMap<OsString, OsString>) -> Result<(), Error> {
        for (name, value) in all {
            let Some(name) = name.to_str().filter(|it| it.starts_with(PREFIX)) else {
                continue;
            };
            if NOT_SETTINGS.contains(&name) {
                continue;
            }
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let origin = Origin::Environment(name.to_owned());
            let Some(value) = value.to_str() else {
                return Err(Error::Value {
                    origin,
                    key,
                    value: "the value".to_owned(),
                    wanted: "UTF-8".to_owned(),
                });
            };
            // Only the one spelling counts, so that a setting can't be given twice.
            if variable(&key) != name {
                return Err(unknown(&key, origin));
            }
            self.take(&key, Raw::Plain(value), origin)?;
        }
        Ok(())
    }

    fn take_flags(&mut self, flags: &[(String, String)]) -> Result<(), Error> {
        for (key, value) in flags {
            if SECRETS.iter().any(|secret| secret.key == key) {
                return Err(Error::SecretOnCommandLine { key: key.clone() });
            }
            self.take(key, Raw::Plain(value), Origin::Flag)?;
        }
        Ok(())
    }

    fn take(&mut self, key: &str, raw: Raw<'_>, origin: Origin) -> Result<(), Error> {
        let is_named = |secret: &settings::Secret| [secret.key, secret.file_key].contains(&key);
        if let Some(index) = SECRETS.iter().position(is_named) {
            return self.take_secret(index, key, raw, origin);
        }
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(unknown(key, origin));
        };
        match (setting.take)(&mut self.config, raw) {
            Ok(()) => {
                self.origins.insert(setting.key, origin);
                Ok(())
            }
            Err(wrong) => Err(Error::Value {
                origin,
                key: key.to_owned(),
                value: if wrong.hide {
                    "the value".to_owned()
                } else {
                    raw.shown()
                },
                wanted: wrong.wanted,
            }),
        }
    }

    fn take_secret(
        &mut self,
        index: usize,
        key: &str,
        raw: Raw<'_>,
        origin: Origin,
    ) -> Result<(), Error> {
        let secret = &SECRETS[index];
        let wrong = |key, problem| Error::Secret {
            origin: origin.clone(),
            key,
            problem,
        };
        let source = if key == secret.file_key {
            let path = raw
                .path()
                .map_err(|_| wrong(secret.file_key, "is not a path"))?;
            SecretSource::File(PathBuf::from(path))
        } else {
            let text = raw
                .text()
                .map_err(|_| wrong(secret.key, "is not a string"))?;
            let parsed = credentials::parse(text);
            SecretSource::Inline(parsed.map_err(|problem| wrong(secret.key, problem))?)
        };
        if let Some(first) = &self.secrets[index]
            && std::mem::discriminant(&first.origin) == std::mem::discriminant(&origin)
        {
            return Err(Error::SecretTwice {
                secret: secret.key,
                first: first.origin.clone(),
                second: origin,
            });
        }
        self.secrets[index] = Some(Found { source, origin });
        Ok(())
    }
}

/// The file's name and content; none where no file is named and none is where one may be.
fn read_file(sources: &Sources) -> Result<Option<(PathBuf, String)>, Error> {
    let named = sources.file.clone();
    let named = named.or_else(|| sources.variable("TWSYNC_CONFIG").map(PathBuf::from));
    let is_named = named.is_some();
    let candidates = named.map_or_else(|| FILES.map(PathBuf::from).to_vec(), |path| vec![path]);
    for path in candidates {
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {}
            Err(source) => return Err(Error::Unreadable { path, source }),
        }
    }
    Ok(None)
}

/// A table's entries as they stand in the file, so that the first mistake is the topmost.
fn in_order<'a, 'i>(
    table: &'a DeTable<'i>,
) -> Vec<(
    &'a Spanned<std::borrow::Cow<'i, str>>,
    &'a Spanned<DeValue<'i>>,
)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn unknown_section(name: &str, origin: Origin) -> Error {
    let nearest = settings::nearest_section(name);
    Error::Unknown {
        origin,
        key: format!("[{name}]"),
        nearest: nearest.map(|name| format!("[{name}]")),
    }
}

fn unknown(key: &str, origin: Origin) -> Error {
    let nearest = settings::nearest(key).map(|nearest| match &origin {
        Origin::Environment(_) => variable(nearest),
        _ => nearest.to_owned(),
    });
    Error::Unknown {
        origin,
        key: key.to_owned(),
        nearest,
    }
}

fn assemble(secrets: &[Option<Found>; 3]) -> Result<Option<Credentials>, Error> {
    let half = |origin: &Origin, given: usize, missing: usize| Error::HalfPair {
        origin: origin.clone(),
        given: SECRETS[given].key,
        missing: SECRETS[missing].key,
    };
    match secrets {
        [None, None, None] => Ok(None),
        [Some(token), None, None] => Ok(Some(Credentials::Bearer(token.source.clone()))),
        [None, Some(key), Some(secret)] => Ok(Some(Credentials::KeyPair {
            key: key.source.clone(),
            secret: secret.source.clone(),
        })),
        [Some(token), Some(pair), _] | [Some(token), None, Some(pair)] => Err(Error::TwoKinds {
            token: token.origin.clone(),
            pair: pair.origin.clone(),
        }),
        [None, Some(key), None] => Err(half(&key.origin, 1, 2)),
        [None, None, Some(secret)] => Err(half(&secret.origin, 2, 1)),
    }
}
