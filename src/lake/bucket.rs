//! A lake in a bucket: how a generation takes another's place where no folder can be exchanged.
//!
//! Files are sent up first, under names that nobody has used before. When all of them are there, the
//! manifest is put in the place of the one that was read at the start, and only of that one: the
//! one atomic step, and the one that fails where another process was quicker. What neither this
//! generation nor the one before it names is removed last, so that a reader who has just read the
//! manifest has until the generation after the next to read the files.
//!
//! A reader must begin at the manifest. Whoever lists the bucket instead sees the files of two
//! generations, and of a third while it is on its way up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use object_store::{PutMode, UpdateVersion};
use tokio::runtime::{Builder, Runtime};
use url::Url;
use uuid::Uuid;

use crate::config::Cloud;
use crate::report::{Live, in_one_line};

use super::Error;
use super::documents::DOCUMENTS;
use super::manifest::{Entry, MANIFEST, Manifest};
use super::names;
use super::objects::Objects;
use super::previous::Previous;

/// What the names of objects begin with that are put and removed to see whether that can be done. Each is
/// its process's own: another's would be overwritten, or gone, where both try at the same time.
const TRIAL: &str = "twsync-trial-";

/// A bucket, and the place in it where the lake is.
pub(super) struct Bucket {
    url: Url,
    objects: Objects,
    /// Requests are made on the thread that asks for them.
    runtime: Runtime,
}

/// What was in a bucket at one moment.
pub(super) struct Seen {
    /// The manifest, and the version of it that may be replaced.
    manifest: Option<(Manifest, UpdateVersion)>,
    /// All objects below the lake's place, with their sizes.
    sizes: BTreeMap<String, u64>,
}

impl Bucket {
    /// The place `url`, with what the environment says of its cloud. Nothing is asked for yet.
    pub(super) fn connect(url: &Url, cloud: &Cloud) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            url: url.clone(),
            objects: Objects::connect(url, cloud)?,
            runtime: runtime.map_err(Error::io(Path::new(url.as_str())))?,
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// What it is called where others are called by their folder.
    pub(super) fn name(&self) -> PathBuf {
        self.url.as_str().into()
    }

    /// What is in it now. Without a manifest, anything that twsync did not put there is a reason to
    /// leave it alone.
    pub(super) fn look(&self) -> Result<Seen, Error> {
        let manifest = self.read_manifest()?;
        let sizes = self.run(self.objects.sizes())?;
        let foreign = sizes
            .keys()
            .find(|name| !names::is_marked(name) && !name.starts_with(TRIAL));
        match foreign {
            Some(foreign) if manifest.is_none() => Err(Error::Foreign {
                path: self.name(),
                what: format!("{foreign}, but no {MANIFEST}"),
            }),
            _ => Ok(Seen { manifest, sizes }),
        }
    }

    /// The manifest that is there now.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, Error> {
        Ok(self.read_manifest()?.map(|(manifest, _)| manifest))
    }

    /// Publishes what is staged in the folder `root`, in the place of what was `seen`.
    pub(super) fn publish(
        &self,
        seen: &Seen,
        root: &Path,
        manifest: &Manifest,
        live: &Live,
    ) -> Result<(), Error> {
        let new = manifest.files.iter().filter(|entry| !seen.has(entry));
        let new: Vec<&str> = new.map(Entry::path).collect();
        self.run(self.objects.send_all(root, &new, live))?;
        self.prove(manifest)?;
        fail::fail_point!("lake-before-exchange");
        self.point(seen, manifest)?;
        fail::fail_point!("lake-after-exchange");
        let tidied = self.tidy(seen, root, manifest, live);
        if let Err(error) = tidied {
            tracing::warn!(
                lake = %self.url,
                error = in_one_line(&error),
                "the generation is published, but its documents could not be renewed, or old files \
                 not be removed; the next publishing does it"
            );
        }
        Ok(())
    }

    /// Whether objects can be put and removed, and whether one that is there is left alone when that
    /// is asked for: where it is not, two processes could overwrite each other's manifests.
    pub(super) fn try_out(&self) -> Result<(), Error> {
        let trial = format!("{TRIAL}{}", Uuid::new_v4().simple());
        let put = |mode| self.run(self.objects.put(&trial, Vec::new(), mode));
        let other = UpdateVersion {
            e_tag: Some(format!("\"{:032}\"", 0)),
            version: Some("1".to_owned()),
        };
        put(PutMode::Create)?;
        let overwritten = put(PutMode::Create)? || put(PutMode::Update(other))?;
        self.run(self.objects.remove([trial.as_str()]))?;
        if !overwritten {
            return Ok(());
        }
        Err(Error::Unguarded {
            url: self.url.to_string(),
        })
    }

    /// Copies these files into the folder `root`. What the bucket does not have is left out.
    pub(super) fn copy_files(&self, root: &Path, files: &[Entry]) -> Result<(), Error> {
        let names: Vec<&str> = files.iter().map(Entry::path).collect();
        self.run(self.objects.fetch_all(root, &names))
    }

    /// Copies the generation that is there into the folder `root`. What the manifest names and the
    /// bucket does not have is left out.
    pub(super) fn copy_to(&self, root: &Path) -> Result<(), Error> {
        let Some(manifest) = self.manifest()? else {
            return Ok(());
        };
        self.copy_files(root, &manifest.files)?;
        let documents = manifest.documents.iter();
        let documents: Vec<&str> = documents.map(|it| it.path.as_str()).collect();
        self.run(self.objects.fetch_all(root, &documents))?;
        // Not fetched with them: it may be another by then.
        let path = root.join(MANIFEST);
        std::fs::write(&path, manifest.to_text()).map_err(Error::io(&path))
    }

    fn read_manifest(&self) -> Result<Option<(Manifest, UpdateVersion)>, Error> {
        let Some((text, version)) = self.run(self.objects.get(MANIFEST))? else {
            return Ok(None);
        };
        let manifest = Manifest::parse(&self.name().join(MANIFEST), &text)?;
        Ok(Some((manifest, version)))
    }

    /// Holds what is in the bucket against the manifest that is to name it.
    fn prove(&self, manifest: &Manifest) -> Result<(), Error> {
        let sizes = self.run(self.objects.sizes())?;
        let wrong = |entry: &&Entry| sizes.get(&entry.path) != Some(&entry.bytes);
        match manifest.files.iter().find(wrong) {
            None => Ok(()),
            Some(entry) => Err(Error::NotAsSent {
                path: self.name().join(&entry.path),
                what: match sizes.get(&entry.path) {
                    None => "it is not there".to_owned(),
                    Some(bytes) => format!("{bytes} bytes instead of {}", entry.bytes),
                },
            }),
        }
    }

    /// Puts the manifest in the place of the one that was seen.
    fn point(&self, seen: &Seen, manifest: &Manifest) -> Result<(), Error> {
        let mode = match &seen.manifest {
            Some((_, version)) => PutMode::Update(version.clone()),
            None => PutMode::Create,
        };
        let text = manifest.to_text().into_bytes();
        let refused = match self.run(self.objects.put(MANIFEST, text, mode)) {
            Ok(true) => return Ok(()),
            Ok(false) => Error::Overtaken {
                url: self.url.to_string(),
            },
            Err(error) => error,
        };
        // It may have been taken all the same: where only the answer was lost, a second attempt is
        // refused because of the first.
        match self.manifest() {
            Ok(Some(now)) if now == *manifest => Ok(()),
            _ => Err(refused),
        }
    }

    /// Renews the documents, and removes what neither this generation nor the one before it names.
    ///
    /// What is removed was there before the manifest was put. Whoever publishes next can't name it:
    /// it keeps only what this manifest names, and gives new names to all else.
    fn tidy(
        &self,
        seen: &Seen,
        root: &Path,
        manifest: &Manifest,
        live: &Live,
    ) -> Result<(), Error> {
        let documents = DOCUMENTS.into_iter().filter(|name| *name != MANIFEST);
        let documents: Vec<&str> = documents.collect();
        self.run(self.objects.send_all(root, &documents, live))?;
        let before = seen.manifest.iter().flat_map(|(it, _)| &it.files);
        let named: BTreeSet<&str> = manifest
            .files
            .iter()
            .chain(before)
            .map(Entry::path)
            .collect();
        let old = seen.sizes.keys().map(String::as_str);
        let old = old.filter(|name| names::is_marked(name) && !named.contains(name));
        self.run(self.objects.remove(old))
    }

    fn run<T>(&self, requests: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.block_on(requests)
    }
}

impl Seen {
    /// The generation that was seen, as far as its files can be kept.
    pub(super) fn previous(&self, bucket: &Bucket) -> Option<Previous> {
        let (manifest, _) = self.manifest.as_ref()?;
        let sizes = self.sizes.clone();
        Some(Previous::in_bucket(bucket.name(), manifest.clone(), sizes))
    }

    fn has(&self, entry: &Entry) -> bool {
        self.sizes.get(&entry.path) == Some(&entry.bytes)
    }
}
