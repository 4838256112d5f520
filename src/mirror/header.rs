//! The first hundred bytes of a database file: whose it is and which schema it has, read without
//! opening it as a database, and so without changing anything.
//!
//! The format is `SQLite`'s: <https://www.sqlite.org/fileformat.html#the_database_header>.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::Error;
use super::open::SCHEMA;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// "twsy", as the first migration sets it.
const APPLICATION: u32 = 0x7477_7379;

pub(super) struct Header {
    magic: bool,
    schema: u32,
    application: u32,
}

impl Header {
    /// The header of the file at `path`; none where there is no file, or nothing in it.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let mut bytes = Vec::with_capacity(100);
        match File::open(path).and_then(|file| file.take(100).read_to_end(&mut bytes)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(path, error)),
        }
        bytes.resize(100, 0);
        Ok(Some(Self {
            magic: bytes.starts_with(MAGIC),
            schema: word(&bytes, 60),
            application: word(&bytes, 68),
        }))
    }

    /// An error where the file is another program's, of a newer twsync, or no database at all.
    pub(super) fn must_be_ours(&self, path: &Path) -> Result<(), Error> {
        let path = path.to_owned();
        if !self.magic {
            return Err(Error::Damaged {
                path,
                what: "its header is not that of a database".to_owned(),
            });
        }
        if self.application != APPLICATION {
            return Err(Error::Foreign { path });
        }
        if self.schema > SCHEMA {
            return Err(Error::Newer {
                path,
                found: self.schema,
                known: SCHEMA,
            });
        }
        Ok(())
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .fold(0, |word, byte| word << 8 | u32::from(*byte))
}
