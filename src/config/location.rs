//! Where a lake is: a folder, or a place in a bucket, and what the environment says of the cloud.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::value::{Raw, Wrong};

/// What the variables begin with that each cloud's own tools read.
const CLOUDS: [(&str, &str); 3] = [("s3", "AWS_"), ("gs", "GOOGLE_"), ("az", "AZURE_")];

const WANTED: &str = "a folder, or s3://bucket/prefix, gs://bucket/prefix, az://container/prefix \
                      of letters, digits and the signs - _ . =";

/// Where a lake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket, and what the names in it begin with. It holds no secret, ends without a slash, and
    /// reads the same as a URL and as plain text.
    Bucket(Url),
}

impl Location {
    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }

    pub(super) fn parse(raw: Raw<'_>) -> Result<Self, Wrong> {
        let text = raw.path()?;
        if text.contains("://") {
            return bucket(text).map(Self::Bucket);
        }
        if let Some(meant) = meant(text) {
            // It may hold a key.
            let hide = text.contains(['@', '?', '#']);
            let wanted = if hide {
                "a bucket, which has two slashes".to_owned()
            } else {
                format!("a bucket: was {meant} meant? (A folder of that name: ./{text})")
            };
            return Err(Wrong { wanted, hide });
        }
        Ok(Self::Folder(text.into()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket(url) => write!(f, "{url}"),
        }
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Folder(path)
    }
}

/// The bucket that was meant by what would be a folder with the name of a cloud.
fn meant(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    let known = CLOUDS.iter().any(|(known, _)| *known == scheme);
    known.then(|| format!("{scheme}://{}", rest.trim_start_matches('/')))
}

fn bucket(text: &str) -> Result<Url, Wrong> {
    let wrong = || Wrong {
        wanted: WANTED.to_owned(),
        // What does not parse may still hold a key.
        hide: text.contains(['@', '?', '#']),
    };
    let text = text.trim_end_matches('/');
    let (scheme, names) = text.split_once("://").ok_or_else(wrong)?;
    let is_plain = |name: &str| {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.=".contains(letter);
        name.contains(|letter: char| letter.is_ascii_alphanumeric()) && name.chars().all(plain)
    };
    if !CLOUDS.iter().any(|(known, _)| *known == scheme) || !names.split('/').all(is_plain) {
        return Err(wrong());
    }
    Url::parse(text).map_err(|_| wrong())
}

/// What the environment says of the clouds: keys, endpoints, regions, under the names that each
/// cloud's own tools know them by. Its values are not shown, whatever they are.
#[derive(Clone, Debug, Default)]
pub struct Cloud(Vec<(String, SecretString)>);

impl Cloud {
    /// These variables.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let taken = |(name, value): (&str, &str)| (name.to_owned(), SecretString::from(value));
        Self(variables.into_iter().map(taken).collect())
    }

    /// Those of the environment that are for the cloud of this bucket.
    pub(super) fn of_environment(bucket: &Url, all: &BTreeMap<OsString, OsString>) -> Self {
        let cloud = CLOUDS.iter().find(|(scheme, _)| *scheme == bucket.scheme());
        let prefix = cloud.map_or("", |(_, prefix)| *prefix);
        let named = all
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        Self::of(named.filter(|(name, value)| name.starts_with(prefix) && !value.is_empty()))
    }

    /// Names and values.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Location, Wrong> {
        Location::parse(Raw::Plain(text))
    }

    #[test]
    fn a_bucket_is_told_from_a_folder() {
        for url in [
            "s3://customers",
            "s3://customers/lake",
            "gs://our.bucket/a/b=c/d_e",
            "az://c-1/lake",
        ] {
            for text in [url.to_owned(), format!("{url}/")] {
                let found = parse(&text).expect("a bucket");
                assert!(matches!(found, Location::Bucket(_)), "{found:?}");
                assert_eq!(found.to_string(), url);
            }
        }
        for path in ["data/lake", "/srv/s3:/lake", "s3", "./s3:"] {
            let found = parse(path).expect("a folder");
            assert_eq!(found, Location::from(PathBuf::from(path)));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "s3://",
            "s3:///lake",
            "s3a://bucket",
            "http://bucket/lake",
            "s3://bucket//lake",
            "s3://bucket/../lake",
            "s3://bucket/the lake",
            "s3://bucket/l%61ke",
            "s3://bucket:9000/lake",
            "s3://bucket/läke",
            "://",
            "s3:/bucket",
            "s3:bucket",
            "gs:/bucket/lake",
            "az:/container",
            "S3:/bucket",
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(!wrong.hide, "{text}");
        }
        for (text, meant) in [
            ("s3:/bucket/lake", "s3://bucket/lake"),
            ("gs:bucket", "gs://bucket"),
            ("AZ:/c", "az://c"),
        ] {
            let wanted = parse(text).expect_err(text).wanted;
            assert!(wanted.contains(meant), "{wanted}");
        }
        for text in [
            "s3://key:canary@bucket/lake",
            "s3://bucket/lake?key=canary",
            "s3:/key:canary@bucket/lake",
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.hide && !wrong.wanted.contains("canary"), "{text}");
        }
    }

    #[test]
    fn only_the_buckets_own_cloud_is_read_and_nothing_of_it_is_shown() {
        let all = [
            ("AWS_SECRET_ACCESS_KEY", "canary"),
            ("AWS_REGION", ""),
            ("AZURE_STORAGE_ACCOUNT_KEY", "canary"),
            ("PATH", "/bin"),
        ];
        let all = all.map(|(name, value)| (name.into(), value.into())).into();
        let url = Url::parse("s3://bucket/lake").expect("a URL");
        let cloud = Cloud::of_environment(&url, &all);
        let names: Vec<&str> = cloud.variables().map(|(name, _)| name).collect();
        assert_eq!(names, ["AWS_SECRET_ACCESS_KEY"]);
        assert!(!format!("{cloud:?}").contains("canary"));
    }
}
