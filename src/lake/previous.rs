//! The generation that is in the lake now: what a new one may keep of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::UuidEncoding;

use super::Error;
use super::calendar::Day;
use super::documents::DOCUMENTS;
use super::manifest::{Entry, MANIFEST, Manifest};
use super::place;
use super::table::Table;

/// The lake's current generation.
pub(super) struct Previous {
    /// The lake's folder, or what stands for it.
    pub(super) lake: PathBuf,
    /// What it says of itself.
    pub(super) manifest: Manifest,
    files: Files,
    /// Files that are there and not as they were written, by path: none of them is kept.
    damaged: BTreeSet<String>,
}

/// Where its files are.
enum Files {
    /// In the lake's folder.
    InFolder,
    /// In a bucket, where they were seen, of these sizes.
    InBucket(BTreeMap<String, u64>),
}

impl Previous {
    /// The generation in the folder `lake`; none where there is no such folder, or an empty one.
    /// Anything in the folder that is not of a lake is a reason to leave it alone.
    pub(super) fn read(lake: &Path) -> Result<Option<Self>, Error> {
        if place::is_absent_or_empty(lake).map_err(Error::io(lake))? {
            return Ok(None);
        }
        let path = lake.join(MANIFEST);
        if !path.exists() {
            return Err(Error::Foreign {
                path: lake.to_owned(),
                what: format!("files, but no {MANIFEST}"),
            });
        }
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        let previous = Self {
            lake: lake.to_owned(),
            manifest: Manifest::parse(&path, &text)?,
            files: Files::InFolder,
            damaged: BTreeSet::new(),
        };
        previous.refuse_foreign()?;
        Ok(Some(previous))
    }

    /// The generation in a bucket where objects of these sizes were seen.
    pub(super) fn in_bucket(
        lake: PathBuf,
        manifest: Manifest,
        sizes: BTreeMap<String, u64>,
    ) -> Self {
        Self {
            lake,
            manifest,
            files: Files::InBucket(sizes),
            damaged: BTreeSet::new(),
        }
    }

    /// Takes these files, by path, for damaged.
    pub(super) fn distrust(&mut self, damaged: impl IntoIterator<Item = String>) {
        self.damaged.extend(damaged);
    }

    /// Whether a file is not known to be damaged.
    pub(super) fn trusts(&self, entry: &Entry) -> bool {
        !self.damaged.contains(&entry.path)
    }

    /// The newest day that it speaks of.
    pub(super) fn day(&self) -> Day {
        Day::at(self.manifest.state_at)
    }

    /// Whether its ids are written so.
    pub(super) fn writes_ids_as(&self, encoding: UuidEncoding) -> bool {
        self.manifest.uuid_encoding == word(encoding)
    }

    /// The file of one part of `table`, if it is there, as long as it should be and not known to be
    /// damaged.
    pub(super) fn part(&self, table: Table, part: &str) -> Option<&Entry> {
        self.manifest
            .of(table)
            .find(|entry| entry.part == part && self.is_there(entry))
    }

    /// The file of the same content in the same part of the same table, under whatever name, if it is
    /// there, as long as it should be and not known to be damaged.
    pub(super) fn file(&self, entry: &Entry) -> Option<&Entry> {
        let same = |it: &&Entry| {
            let path = entry.path.clone();
            *entry
                == Entry {
                    path,
                    ..(*it).clone()
                }
        };
        let mut files = self.manifest.files.iter().filter(same);
        files.find(|it| self.is_there(it))
    }

    /// The SHA-256 of one of its documents.
    pub(super) fn document(&self, name: &str) -> Option<&String> {
        let mut documents = self.manifest.documents.iter();
        let document = documents.find(|document| document.path == name)?;
        Some(&document.sha256)
    }

    /// Where a file is; none where it is not on this machine.
    pub(super) fn path(&self, entry: &Entry) -> Option<PathBuf> {
        match self.files {
            Files::InFolder => Some(self.lake.join(&entry.path)),
            Files::InBucket(_) => None,
        }
    }

    fn is_there(&self, entry: &Entry) -> bool {
        if !self.trusts(entry) {
            return false;
        }
        match &self.files {
            Files::InFolder => {
                let there = fs::metadata(self.lake.join(&entry.path));
                there.is_ok_and(|there| there.len() == entry.bytes)
            }
            Files::InBucket(sizes) => sizes.get(&entry.path) == Some(&entry.bytes),
        }
    }

    fn refuse_foreign(&self) -> Result<(), Error> {
        let mut expected: BTreeSet<PathBuf> = DOCUMENTS.iter().map(PathBuf::from).collect();
        for entry in &self.manifest.files {
            expected.extend(
                Path::new(&entry.path)
                    .ancestors()
                    .filter(|path| !path.as_os_str().is_empty())
                    .map(Path::to_owned),
            );
        }
        match first_unexpected(&self.lake, Path::new(""), &expected)
            .map_err(Error::io(&self.lake))?
        {
            None => Ok(()),
            Some(path) => Err(Error::Foreign {
                path: self.lake.clone(),
                what: path.display().to_string(),
            }),
        }
    }
}

/// The word that stands in the manifest for an encoding of ids.
pub(super) const fn word(encoding: UuidEncoding) -> &'static str {
    match encoding {
        UuidEncoding::String => "string",
        UuidEncoding::Native => "native",
    }
}

/// The first file or folder below `lake` that is not expected there.
fn first_unexpected(
    lake: &Path,
    folder: &Path,
    expected: &BTreeSet<PathBuf>,
) -> std::io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(lake.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !expected.contains(&path) {
            return Ok(Some(path));
        }
        if entry.file_type()?.is_dir()
            && let Some(found) = first_unexpected(lake, &path, expected)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
