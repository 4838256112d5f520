//! A generation in the making: files are written or kept, checked, and then handed over as a whole.
//!
//! A staged generation that is not handed over is removed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use crate::config::UuidEncoding;

use super::Error;
use super::cell::Cell;
use super::digest;
use super::manifest::Entry;
use super::names::Names;
use super::place;
use super::previous::Previous;
use super::provenance::{Origin, Stamp};
use super::shape::Shape;
use super::table::Table;
use super::writer::{FileWriter, Written};

/// A generation in the making.
pub(super) struct Stage<'previous> {
    root: Root,
    encoding: UuidEncoding,
    names: Names,
    previous: Option<&'previous Previous>,
    entries: Vec<Entry>,
    begun: u32,
    /// Of the file that was written last: it is held against what was written beside the next one.
    checking: Option<JoinHandle<Result<(), Error>>>,
}

/// The staging folder; it is removed with this, unless it was handed over.
struct Root(Option<PathBuf>);

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // Nobody can be told; the next publishing removes it.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// A table's file in the making.
pub(super) struct StagedFile {
    table: Table,
    part: String,
    path: PathBuf,
    writer: FileWriter,
}

impl StagedFile {
    /// Appends a row: a cell for each column, in order.
    pub(super) fn push<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.writer.push(cells)
    }

    /// Gives every batch of rows from now on to `onlooker` as well.
    pub(super) fn show_to(&mut self, onlooker: SyncSender<RecordBatch>) {
        self.writer.show_to(onlooker);
    }
}

/// A file of a table whose first columns are those of another table, with the same rows in the same
/// order: they are copied from there.
pub(super) struct SecondFile {
    file: StagedFile,
    shape: Shape,
}

impl SecondFile {
    /// Appends a row that was just pushed to the other file: a cell for each column that the other
    /// table lacks, in order.
    pub(super) fn push<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.file.push(cells)
    }

    /// Appends a row that the other file, which is finished, does not have: a cell for each column.
    pub(super) fn push_alone<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.file.writer.stop_borrowing(&self.shape)?;
        self.file.push(cells)
    }
}

impl<'previous> Stage<'previous> {
    /// Begins in the empty folder `root`. Of `previous` files may be kept.
    pub(super) fn new(
        root: PathBuf,
        encoding: UuidEncoding,
        names: Names,
        previous: Option<&'previous Previous>,
    ) -> Self {
        Self {
            root: Root(Some(root)),
            encoding,
            names,
            previous,
            entries: Vec::new(),
            begun: 0,
            checking: None,
        }
    }

    /// The folder that all is staged in.
    pub(super) fn root(&self) -> &Path {
        self.root
            .0
            .as_deref()
            .expect("the folder is handed over last")
    }

    /// The files so far, by path.
    pub(super) fn sorted_entries(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries
    }

    /// How many of the files are as the previous generation has them.
    pub(super) fn kept(&self) -> u64 {
        let known = |entry: &&Entry| {
            self.previous
                .is_some_and(|previous| previous.file(entry) == Some(*entry))
        };
        self.entries.iter().filter(known).count() as u64
    }

    /// Whether there is a file of `table`.
    pub(super) fn has(&self, table: Table) -> bool {
        self.entries.iter().any(|entry| entry.is_of(table))
    }

    /// Rows of `table` so far.
    pub(super) fn rows(&self, table: Table) -> u64 {
        let of_table = self.entries.iter().filter(|entry| entry.is_of(table));
        of_table.map(|entry| entry.rows).sum()
    }

    /// Takes all files of `table` back.
    pub(super) fn forget(&mut self, table: Table) -> Result<(), Error> {
        let folder = self.root().join(table.folder());
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::io(&folder))?;
        }
        self.entries.retain(|entry| !entry.is_of(table));
        Ok(())
    }

    /// Begins the file of one part of a table.
    pub(super) fn begin(&mut self, table: Table, part: &str) -> Result<StagedFile, Error> {
        let path = self.next_path();
        let shape = Shape::new(table, self.encoding);
        Ok(StagedFile {
            table,
            part: part.to_owned(),
            writer: FileWriter::create(&path, &shape)?,
            path,
        })
    }

    /// Begins the file of one part of a table next to `first`, in which there is no row yet. The columns
    /// with which both tables begin are encoded for `first` alone.
    pub(super) fn begin_second(
        &mut self,
        table: Table,
        part: &str,
        first: &mut StagedFile,
    ) -> Result<SecondFile, Error> {
        let path = self.next_path();
        let shape = Shape::new(table, self.encoding);
        let lent = first.table.columns();
        let columns = shape.columns.iter().zip(&lent);
        let common = columns.take_while(|(one, other)| one == other).count();
        let writer = FileWriter::create_borrowing(&path, &shape, &mut first.writer, common)?;
        let file = StagedFile {
            table,
            part: part.to_owned(),
            writer,
            path,
        };
        Ok(SecondFile { file, shape })
    }

    /// Ends a second file, as [`Self::finish`] does. The first one must be finished.
    pub(super) fn finish_second(&mut self, file: SecondFile, stamp: Stamp) -> Result<Entry, Error> {
        self.finish(file.file, stamp)
    }

    fn next_path(&mut self) -> PathBuf {
        let path = self.root().join(format!("file-{}", self.begun));
        self.begun += 1;
        path
    }

    /// Ends a file and puts it in its place, under a name made of what is in it. Where the previous
    /// generation has the same file, that one is kept, so that it stays one file on disk, or under
    /// one name in a bucket.
    pub(super) fn finish(&mut self, file: StagedFile, stamp: Stamp) -> Result<Entry, Error> {
        let StagedFile {
            table,
            part,
            path,
            writer,
        } = file;
        let pairs = stamp.iter();
        let origin = Origin::of(pairs.map(|(key, value)| (key.as_str(), Some(value.as_str()))));
        let (written, file) = writer.finish(stamp)?;
        let entry = self.entry(table, &part, &written, origin);
        if self.keep_if_same(&entry)? {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        } else {
            let target = self.target(&entry)?;
            fs::rename(&path, &target).map_err(Error::io(&target))?;
            fail::fail_point!("lake-written");
            self.check_beside(
                file,
                &target,
                Shape::new(table, self.encoding),
                entry.clone(),
            )?;
        }
        self.entries.push(entry.clone());
        Ok(entry)
    }

    /// Has a file brought to disk and checked on a thread of its own, one file at a time.
    fn check_beside(
        &mut self,
        file: File,
        path: &Path,
        shape: Shape,
        entry: Entry,
    ) -> Result<(), Error> {
        self.await_check()?;
        let written = path.to_owned();
        let checking = std::thread::Builder::new()
            .name("lake-check".to_owned())
            .spawn(move || {
                file.sync_all().map_err(Error::io(&written))?;
                check(&written, &shape, &entry)
            });
        self.checking = Some(checking.map_err(Error::io(path))?);
        Ok(())
    }

    /// Waits until every file so far is on disk, has been reopened and was found to be as it was written.
    /// Nothing may be handed over before.
    pub(super) fn await_check(&mut self) -> Result<(), Error> {
        let checked = self.checking.take().map(JoinHandle::join);
        checked.map_or(Ok(()), |checked| {
            checked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Keeps one part of a table as the previous generation has it; false where it has none. Its
    /// contents are not read again: whoever mends a lake has done so before.
    pub(super) fn keep(&mut self, table: Table, part: &str) -> Result<bool, Error> {
        let Some(previous) = self.previous else {
            return Ok(false);
        };
        let Some(entry) = previous.part(table, part) else {
            return Ok(false);
        };
        if let Some(path) = previous.path(entry) {
            self.link(&path, entry)?;
        }
        self.entries.push(entry.clone());
        Ok(true)
    }

    /// Shows a staged file in a second table, which has the same columns.
    pub(super) fn show_also(
        &mut self,
        entry: &Entry,
        table: Table,
        part: &str,
    ) -> Result<(), Error> {
        let second = self.as_kept(Entry {
            path: self.names.path(table, part, &entry.sha256),
            table: table.folder().to_owned(),
            part: part.to_owned(),
            ..entry.clone()
        });
        self.link(&self.root().join(&entry.path), &second)?;
        self.entries.push(second);
        Ok(())
    }

    /// Writes a document at the lake's top.
    pub(super) fn document(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.root().join(name);
        place::make_file(&path)?
            .write_all(text.as_bytes())
            .map_err(Error::io(&path))
    }

    /// Waits until all of it is on disk, and hands the folder over.
    pub(super) fn seal(mut self) -> Result<PathBuf, Error> {
        sync_tree(self.root())?;
        Ok(self.root.0.take().expect("the folder is handed over once"))
    }

    fn entry(&self, table: Table, part: &str, written: &Written, origin: Origin) -> Entry {
        self.as_kept(Entry {
            path: self.names.path(table, part, &written.sha256),
            table: table.folder().to_owned(),
            part: part.to_owned(),
            rows: written.rows,
            bytes: written.bytes,
            sha256: written.sha256.clone(),
            origin,
        })
    }

    /// The entry under the name that the previous generation has for this content, where it has it.
    fn as_kept(&self, entry: Entry) -> Entry {
        let kept = self.previous.and_then(|previous| previous.file(&entry));
        kept.cloned().unwrap_or(entry)
    }

    fn keep_if_same(&self, entry: &Entry) -> Result<bool, Error> {
        let Some(previous) = self.previous else {
            return Ok(false);
        };
        let Some(same) = previous.file(entry) else {
            return Ok(false);
        };
        let Some(path) = previous.path(same) else {
            return Ok(false);
        };
        if digest::sha256_of(&path).map_err(Error::io(&path))? != entry.sha256 {
            return Ok(false);
        }
        self.link(&path, entry)?;
        Ok(true)
    }

    /// One file under two names; where the filesystem has no such thing, a copy.
    fn link(&self, from: &Path, entry: &Entry) -> Result<(), Error> {
        let target = self.target(entry)?;
        if fs::hard_link(from, &target).is_err() {
            fs::copy(from, &target).map_err(Error::io(&target))?;
        }
        Ok(())
    }

    fn target(&self, entry: &Entry) -> Result<PathBuf, Error> {
        let target = self.root().join(&entry.path);
        place::make_folder(target.parent().expect("a table's file is in a folder"))?;
        Ok(target)
    }
}

/// Reopens a file and holds it against what was written.
fn check(path: &Path, shape: &Shape, entry: &Entry) -> Result<(), Error> {
    let differs = |what: String| Error::NotAsWritten {
        path: path.to_owned(),
        what,
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let found = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())
        .map_err(|error| differs(error.to_string()))?;
    let rows = found.metadata().file_metadata().num_rows();
    if u64::try_from(rows) != Ok(entry.rows) {
        return Err(differs(format!("{rows} rows instead of {}", entry.rows)));
    }
    if found.schema().fields() != shape.schema.fields() {
        return Err(differs("another schema".to_owned()));
    }
    if digest::sha256_of(path).map_err(Error::io(path))? != entry.sha256 {
        return Err(differs("another SHA-256".to_owned()));
    }
    Ok(())
}

/// Files first, then the folder that names them.
fn sync_tree(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(Error::io(&path))?;
        }
    }
    place::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_as_it_was_written_is_refused_whatever_differs() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("stage");
        fs::create_dir(&root).expect("a folder");
        let mut stage = Stage::new(root.clone(), UuidEncoding::String, Names::Fixed, None);
        let mut file = stage.begin(Table::Daily, "all").expect("it begins");
        let count = Cell::Integer(1);
        let cells = [
            Cell::Day(1),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            count,
            count,
        ];
        file.push(cells).expect("a row is taken");
        let entry = stage.finish(file, Vec::new()).expect("it ends");
        stage.await_check().expect("it is as it was written");

        let path = root.join(&entry.path);
        let held_against = |table, entry: &Entry| {
            let shape = Shape::new(table, UuidEncoding::String);
            check(&path, &shape, entry)
        };
        held_against(Table::Daily, &entry).expect("it is as it was written");
        let one_more = Entry {
            rows: entry.rows + 1,
            ..entry.clone()
        };
        let other_bytes = Entry {
            sha256: digest::sha256_of_text(""),
            ..entry.clone()
        };
        for refused in [
            held_against(Table::Daily, &one_more),
            held_against(Table::Daily, &other_bytes),
            held_against(Table::Runs, &entry),
        ] {
            assert!(
                matches!(refused, Err(Error::NotAsWritten { .. })),
                "{refused:?}"
            );
        }
    }
}
