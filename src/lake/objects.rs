//! The objects of a bucket: sent, fetched, listed, removed; by names that begin at the lake's place.
//!
//! Memory holds one file's parts that are on their way, or a few small files.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{
    Attribute, AttributeValue, Attributes, Error as Refused, GetResult, ObjectStore,
    ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion,
};
use tokio::io::AsyncWrite as _;
use url::Url;

use crate::config::Cloud;
use crate::report::Live;

use super::Error;
use super::cloud::{self, Words};
use super::place::{make_file, make_folder};

/// A file of this size and more is sent in parts of it. S3 takes 10,000 parts, of 5 MiB and more; the
/// smaller they are, the less memory those take that are on their way.
const PART_BYTES: usize = 5 << 20;

/// Small files, or parts of one large file, that are on their way at the same time.
const IN_FLIGHT_MAX: usize = 4;

/// A document that is longer than this is none of ours.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// The objects below a place in a bucket.
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    words: Words,
}

impl Objects {
    /// Those below `url`. Nothing is asked for yet.
    pub(super) fn connect(url: &Url, cloud: &Cloud) -> Result<Self, Error> {
        let words = Words::new(url, cloud);
        let store = cloud::store(url, cloud);
        Ok(Self {
            store: store.map_err(|refused| words.settings(&refused))?,
            prefix: Key::from(url.path()),
            words,
        })
    }

    /// All objects, with their sizes.
    pub(super) async fn sizes(&self) -> Result<BTreeMap<String, u64>, Error> {
        let mut sizes = BTreeMap::new();
        let mut listed = self.store.list(Some(&self.prefix));
        while let Some(object) = self.heard(listed.next().await.transpose())? {
            let Some(name) = object.location.prefix_match(&self.prefix) else {
                continue;
            };
            let name: Vec<_> = name.map(|part| part.as_ref().to_owned()).collect();
            // Consoles show an empty object of the place's own name as a folder.
            if !name.is_empty() {
                sizes.insert(name.join("/"), object.size);
            }
        }
        Ok(sizes)
    }

    /// A document's text, and which version of it that is; none where it is not there.
    pub(super) async fn get(&self, name: &str) -> Result<Option<(String, UpdateVersion)>, Error> {
        let found = match self.store.get(&self.key(name)).await {
            Err(refused) if is_no_object(&refused) => return Ok(None),
            found => self.heard(found)?,
        };
        if found.meta.size > DOCUMENT_BYTES_MAX {
            return Err(self.words.foreign(name, "it is too long"));
        }
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = self.heard(found.bytes().await)?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Some((text, version))),
            Err(_) => Err(self.words.foreign(name, "it is not text")),
        }
    }

    /// Puts a small object; false where `mode` forbids it because of what is there.
    pub(super) async fn put(
        &self,
        name: &str,
        bytes: Vec<u8>,
        mode: PutMode,
    ) -> Result<bool, Error> {
        let options = PutOptions {
            mode,
            attributes: attributes(name),
            ..PutOptions::default()
        };
        let key = self.key(name);
        match self.store.put_opts(&key, bytes.into(), options).await {
            Err(Refused::AlreadyExists { .. } | Refused::Precondition { .. }) => Ok(false),
            put => self.heard(put).map(|_| true),
        }
    }

    /// Sends these files of the folder `root`: the small ones a few at a time, then the others.
    pub(super) async fn send_all(
        &self,
        root: &Path,
        names: &[&str],
        live: &Live,
    ) -> Result<(), Error> {
        let mut large = Vec::new();
        let mut small = Vec::new();
        for name in names {
            let path = root.join(name);
            let bytes = path.metadata().map_err(Error::io(&path))?.len();
            if bytes < PART_BYTES as u64 {
                small.push(*name);
            } else {
                large.push(*name);
            }
        }
        stream::iter(small)
            .map(Ok)
            .try_for_each_concurrent(IN_FLIGHT_MAX, |name| self.send(root, name, live))
            .await?;
        for name in large {
            self.send(root, name, live).await?;
        }
        Ok(())
    }

    /// Fetches these into the folder `root`; what is not there is left out.
    pub(super) async fn fetch_all(&self, root: &Path, names: &[&str]) -> Result<(), Error> {
        stream::iter(names)
            .map(Ok)
            .try_for_each_concurrent(IN_FLIGHT_MAX, |name| self.fetch(root, name))
            .await
    }

    /// Removes these.
    pub(super) async fn remove(&self, names: impl IntoIterator<Item = &str>) -> Result<(), Error> {
        let keys: Vec<_> = names.into_iter().map(|name| Ok(self.key(name))).collect();
        let mut removed = self.store.delete_stream(stream::iter(keys).boxed());
        while let Some(removed) = removed.next().await {
            match removed {
                // Another process was quicker.
                Err(Refused::NotFound { .. }) => {}
                removed => drop(self.heard(removed)?),
            }
        }
        Ok(())
    }

    async fn send(&self, root: &Path, name: &str, live: &Live) -> Result<(), Error> {
        let path = root.join(name);
        let mut file = File::open(&path).map_err(Error::io(&path))?;
        let mut writer = BufWriter::with_capacity(self.store.clone(), self.key(name), PART_BYTES)
            .with_max_concurrency(IN_FLIGHT_MAX)
            .with_attributes(attributes(name));
        loop {
            // Grown while it is read, it would take twice the room. The last byte is for the end.
            let mut part = Vec::with_capacity(PART_BYTES + 1);
            let mut rest = (&mut file).take(PART_BYTES as u64);
            rest.read_to_end(&mut part).map_err(Error::io(&path))?;
            if part.is_empty() {
                break;
            }
            if let Err(refused) = writer.put(part.into()).await {
                // What was sent of it would stay, invisible and not for free.
                let _ = writer.abort().await;
                return Err(self.words.refused(&refused));
            }
            live.advance(1);
        }
        let ended = poll_fn(|context| Pin::new(&mut writer).poll_shutdown(context)).await;
        ended.map_err(|error| match error.downcast::<Refused>() {
            Ok(refused) => self.words.refused(&refused),
            Err(error) => self.words.refused(&error),
        })?;
        live.advance(1);
        fail::fail_point!("lake-sent");
        Ok(())
    }

    async fn fetch(&self, root: &Path, name: &str) -> Result<(), Error> {
        let found: GetResult = match self.store.get(&self.key(name)).await {
            Err(refused) if is_no_object(&refused) => return Ok(()),
            found => self.heard(found)?,
        };
        let path = root.join(name);
        make_folder(path.parent().unwrap_or(root))?;
        let mut file = make_file(&path)?;
        let mut pieces = found.into_stream();
        while let Some(piece) = self.heard(pieces.try_next().await)? {
            file.write_all(&piece).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    fn key(&self, name: &str) -> Key {
        Key::from(format!("{}/{name}", self.prefix))
    }

    fn heard<T>(&self, answer: Result<T, Refused>) -> Result<T, Error> {
        answer.map_err(|refused| self.words.refused(&refused))
    }
}

fn is_no_object(refused: &Refused) -> bool {
    matches!(refused, Refused::NotFound { .. }) && !cloud::is_without_bucket(refused)
}

/// What whoever fetches it is told of an object.
fn attributes(name: &str) -> Attributes {
    let extension = name.rsplit('.').next();
    let media = match extension {
        Some("parquet") => "application/vnd.apache.parquet",
        Some("json") => "application/json",
        Some("md") => "text/markdown; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let media: AttributeValue = media.into();
    [(Attribute::ContentType, media)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn what_is_sent_in_parts_arrives_whole() {
        let url = Url::parse("s3://bucket/a/place").expect("a URL");
        let objects = Objects {
            store: Arc::new(InMemory::new()),
            prefix: Key::from(url.path()),
            words: Words::new(&url, &Cloud::default()),
        };
        let from = tempfile::tempdir().expect("a folder");
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for (number, bytes) in [0, 1, PART_BYTES - 1, PART_BYTES, 3 * PART_BYTES + 7]
            .into_iter()
            .enumerate()
        {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().step_by(7).take(bytes).collect();
            let name = format!("file-{number}.parquet");
            std::fs::write(from.path().join(&name), &bytes).expect("a file");
            files.push((name, bytes));
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let sent = objects
            .send_all(from.path(), &names, &Live::default())
            .await;
        sent.expect("all are sent");
        let sizes = objects.sizes().await.expect("a list");
        let to = tempfile::tempdir().expect("a folder");
        let fetched = objects.fetch_all(to.path(), &names).await;
        fetched.expect("all are fetched");
        for (name, bytes) in &files {
            assert_eq!(sizes.get(name), Some(&(bytes.len() as u64)), "{name}");
            let arrived = std::fs::read(to.path().join(name)).expect("a file");
            assert!(arrived == *bytes, "{name}");
        }
    }
}
