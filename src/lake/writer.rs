//! One Parquet file in the making: rows go in here, a thread of its own encodes them.
//!
//! The thread that reads the mirror builds batches, the encoder compresses them, and a channel of two
//! batches between them bounds what waits. What is given twice comes out byte for byte the same:
//! nothing of the clock, the machine or the file's name goes into it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};

use super::Error;
use super::batch::{BATCH_ROWS, Batch};
use super::cell::Cell;
use super::place::make_file;
use super::provenance::Stamp;
use super::shape::Shape;

/// Batches that wait for the encoder, at most.
const BATCHES_WAITING: usize = 2;

/// A file that is written, closed and on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows in it.
    pub(super) rows: u64,
    /// Its size.
    pub(super) bytes: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub(super) sha256: String,
}

/// A file in the making.
pub(super) struct FileWriter {
    batch: Batch,
    /// None once it was joined.
    encoder: Option<EncoderThread>,
}

struct EncoderThread {
    messages: SyncSender<Message>,
    thread: JoinHandle<Result<Written, Error>>,
}

/// What the encoder is told.
enum Message {
    Rows(RecordBatch),
    /// No more rows come; this goes into the footer.
    Finish(Stamp),
}

impl FileWriter {
    /// Begins the file at `path`, which must not be there yet.
    pub(super) fn create(path: &Path, shape: &Shape) -> Result<Self, Error> {
        let file = make_file(path)?;
        let (sender, receiver) = sync_channel(BATCHES_WAITING);
        let encoder = Encoder {
            path: path.to_owned(),
            schema: shape.schema.clone(),
            properties: shape.properties(),
        };
        let thread = std::thread::Builder::new()
            .name("lake-encoder".to_owned())
            .spawn(move || encoder.run(file, &receiver))
            .map_err(Error::io(path))?;
        Ok(Self {
            batch: Batch::new(shape),
            encoder: Some(EncoderThread {
                messages: sender,
                thread,
            }),
        })
    }

    /// Appends a row: a cell for each column, in order.
    pub(super) fn push<'row>(
        &mut self,
        cells: impl IntoIterator<Item = Cell<'row>>,
    ) -> Result<(), Error> {
        self.batch.push(cells);
        if self.batch.rows() == BATCH_ROWS {
            let batch = self.batch.take();
            self.send(Message::Rows(batch))?;
        }
        Ok(())
    }

    /// Writes what is left and the footer, and closes the file.
    pub(super) fn finish(mut self, stamp: Stamp) -> Result<Written, Error> {
        let last = self.batch.take();
        self.send(Message::Rows(last))?;
        self.send(Message::Finish(stamp))?;
        self.join()
    }

    /// Where the encoder is gone, it has an error to tell.
    fn send(&mut self, message: Message) -> Result<(), Error> {
        let encoder = self.encoder.as_ref().expect("the encoder is joined last");
        if encoder.messages.send(message).is_ok() {
            return Ok(());
        }
        Err(self
            .join()
            .expect_err("an encoder that has all rows was told so"))
    }

    fn join(&mut self) -> Result<Written, Error> {
        let encoder = self.encoder.take().expect("the encoder is joined once");
        drop(encoder.messages);
        encoder
            .thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The other end: batches into bytes.
struct Encoder {
    path: PathBuf,
    schema: SchemaRef,
    properties: WriterProperties,
}

impl Encoder {
    fn run(self, file: File, messages: &Receiver<Message>) -> Result<Written, Error> {
        let failed = Error::parquet(&self.path);
        let mut writer =
            ArrowWriter::try_new(Hashed::new(file), self.schema, Some(self.properties))
                .map_err(&failed)?;
        let mut rows = 0;
        loop {
            match messages.recv() {
                Ok(Message::Rows(batch)) => {
                    rows += batch.num_rows() as u64;
                    writer.write(&batch).map_err(&failed)?;
                }
                Ok(Message::Finish(stamp)) => {
                    for (key, value) in stamp {
                        writer.append_key_value_metadata(KeyValue::new(key, value));
                    }
                    // Not `into_inner`, which forgets that an error was the system's.
                    writer.finish().map_err(&failed)?;
                    let hashed = writer.inner_mut();
                    hashed.file.sync_all().map_err(Error::io(&self.path))?;
                    return Ok(hashed.written(rows));
                }
                Err(_abandoned) => {
                    return Err(Error::io(&self.path)(io::ErrorKind::Interrupted.into()));
                }
            }
        }
    }
}

/// A file that is hashed as it is written.
struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Hashed {
    fn new(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn written(&mut self, rows: u64) -> Written {
        Written {
            rows,
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize_reset()),
        }
    }
}

impl Write for Hashed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// SHA-256 of a whole file, in hexadecimal.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut HashOnly(&mut hash))?;
    Ok(hex(&hash.finalize()))
}

/// A hash that [`io::copy`] can write to.
struct HashOnly<'hash>(&'hash mut Sha256);

impl Write for HashOnly<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all text");
        text
    })
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use crate::config::UuidEncoding;

    use super::super::table::Table;
    use super::*;

    fn write(path: &Path, rows: i64) -> Written {
        let shape = Shape::new(Table::Daily, UuidEncoding::String);
        let mut writer = FileWriter::create(path, &shape).expect("a file begins");
        for row in 0..rows {
            let cells = [
                Cell::Day(1),
                Cell::Text("pro"),
                Cell::Null,
                Cell::Flag(row % 2 == 0),
                Cell::Integer(row),
                Cell::Integer(-row),
            ];
            writer.push(cells).expect("a row is taken");
        }
        let stamp = vec![("twsync.table".to_owned(), "customers_daily".to_owned())];
        writer.finish(stamp).expect("a file ends")
    }

    #[test]
    fn row_groups_are_of_the_promised_size_and_bytes_are_the_same_every_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let written = write(&one, 130_000);
        assert_eq!(written, write(&other, 130_000));
        assert_eq!(written.sha256, sha256_of(&one).expect("the file is there"));
        let file = File::open(&one).expect("the file is there");
        let reader = SerializedFileReader::new(file).expect("it is Parquet");
        let groups = reader.metadata().row_groups().iter();
        let rows: Vec<i64> = groups
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect();
        assert_eq!(rows, [122_880, 7_120]);
    }

    #[test]
    fn a_full_disk_is_said_to_whoever_pushes_or_finishes() {
        let shape = Shape::new(Table::Daily, UuidEncoding::String);
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let (sender, receiver) = sync_channel(BATCHES_WAITING);
        let encoder = Encoder {
            path: "/dev/full".into(),
            schema: shape.schema.clone(),
            properties: shape.properties(),
        };
        let thread = std::thread::spawn(move || encoder.run(full, &receiver));
        let writer = FileWriter {
            batch: Batch::new(&shape),
            encoder: Some(EncoderThread {
                messages: sender,
                thread,
            }),
        };
        let error = writer.finish(Vec::new()).expect_err("the disk is full");
        assert!(matches!(error, Error::CannotWrite { .. }), "{error:?}");
    }
}
