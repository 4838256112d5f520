//! The thread that puts row groups into a file as the encoders make them.
//!
//! Writing and hashing are a tenth of the work of publishing. The thread that reads the mirror has most of
//! the rest, and is spared this.

use std::thread::JoinHandle;

use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;

use super::digest::Hashed;
use super::encoder::{Chunks, Encoded};
use super::lending::{Borrower, Lender};

/// The thread at work.
pub(super) struct Assembly(JoinHandle<(Output, Result<()>)>);

/// What it writes.
pub(super) struct Output {
    /// The file.
    pub(super) file: SerializedFileWriter<Hashed>,
    /// Where the first columns go to, if another file has them too.
    pub(super) lender: Option<Lender>,
    /// Where the first columns come from, as long as they are another file's.
    pub(super) borrower: Option<Borrower>,
}

impl Assembly {
    /// Starts the thread, for the row groups that come from these encoders.
    pub(super) fn start(mut output: Output, encoded: Encoded) -> std::io::Result<Self> {
        let handle = std::thread::Builder::new()
            .name("lake-assembly".to_owned())
            .spawn(move || {
                let written = encoded
                    .into_groups()
                    .try_for_each(|chunks| output.append(chunks));
                (output, written)
            })?;
        Ok(Self(handle))
    }

    /// Waits until the encoders have ended and all that they made is in the file, and gives it back.
    pub(super) fn end(self) -> (Output, Result<()>) {
        self.0
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Output {
    fn append(&mut self, chunks: Chunks) -> Result<()> {
        let known = self.lender.as_ref().map(|it| it.known(&chunks));
        let mut group = self.file.next_row_group()?;
        if let Some(borrower) = &self.borrower {
            borrower.append(&mut group)?;
        }
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        let written = group.close()?;
        if let (Some(lender), Some(known)) = (&self.lender, known) {
            self.file.flush()?;
            lender.lend(known, &written);
        }
        Ok(())
    }
}
