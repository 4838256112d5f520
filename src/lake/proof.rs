//! Whether what a manifest names is there, as it was written.

use std::fs::{self, File};
use std::path::Path;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::digest;
use super::manifest::{Document, Entry};
use super::provenance::Origin;
use super::verify::Finding;

/// What is wrong with these files, of those that are there or should be.
pub(super) fn files(lake: &Path, entries: &[Entry]) -> Vec<Finding> {
    let check = |entry: &Entry| {
        let what = file(lake, entry).err()?;
        Some(Finding::new(&entry.path, what))
    };
    entries.iter().filter_map(check).collect()
}

/// A file against its entry, by what is in it and what its footer says: there, as long, the same
/// bytes, as many rows, of the same run. Its rows are not read.
fn file(lake: &Path, entry: &Entry) -> Result<(), String> {
    let path = lake.join(&entry.path);
    bytes(&path, entry.bytes, &entry.sha256)?;
    let file = File::open(&path).map_err(|error| error.to_string())?;
    let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
    let footer = reader.metadata().file_metadata();
    if u64::try_from(footer.num_rows()) != Ok(entry.rows) {
        return Err(format!(
            "{} rows instead of {}",
            footer.num_rows(),
            entry.rows
        ));
    }
    let pairs = footer.key_value_metadata().into_iter().flatten();
    let origin = Origin::of(pairs.map(|pair| (pair.key.as_str(), pair.value.as_deref())));
    if origin != entry.origin {
        return Err("another run, grade or instant than the manifest says".to_owned());
    }
    Ok(())
}

/// Every row of a file, which is as it was written, can be read.
pub(super) fn rows(lake: &Path, entry: &Entry) -> Result<(), String> {
    match count(&lake.join(&entry.path)) {
        Ok(rows) if rows == entry.rows => Ok(()),
        Ok(rows) => Err(format!("{rows} rows instead of {}", entry.rows)),
        Err(error) => Err(error.to_string()),
    }
}

fn count(path: &Path) -> parquet::errors::Result<u64> {
    let mut rows = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
        rows += batch?.num_rows() as u64;
    }
    Ok(rows)
}

/// A document against its entry. Until a bucket's documents are renewed, those before them stand.
pub(super) fn document(lake: &Path, document: &Document) -> Result<(), String> {
    let path = lake.join(&document.path);
    if let Some(before) = &document.replaces_sha256
        && digest::sha256_of(&path).is_ok_and(|found| found == *before)
    {
        return Ok(());
    }
    bytes(&path, document.bytes, &document.sha256)
}

fn bytes(path: &Path, bytes: u64, sha256: &str) -> Result<(), String> {
    let found = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if found != bytes {
        return Err(format!("{found} bytes instead of {bytes}"));
    }
    if digest::sha256_of(path).map_err(|error| error.to_string())? != sha256 {
        return Err("another SHA-256 than when it was written".to_owned());
    }
    Ok(())
}
