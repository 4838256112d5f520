//! Files that are hashed as they are written, and read.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// A file that is hashed as it is written.
pub(super) struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
    refused: Option<io::Error>,
}

impl Hashed {
    /// An empty one.
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
            refused: None,
        }
    }

    /// Why the system did not take what was written last. Whoever writes through others asks here:
    /// on their way up they may make mere words of it.
    pub(super) fn refused(&mut self) -> Option<io::Error> {
        self.refused.take()
    }

    /// The file, how many bytes it is, and their SHA-256. They need not be on disk yet.
    pub(super) fn end(&mut self) -> io::Result<(File, u64, String)> {
        let file = self.file.try_clone()?;
        Ok((file, self.bytes, hex(&self.hash.finalize_reset())))
    }
}

impl Write for Hashed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer).inspect_err(|error| {
            let again = || error.kind().into();
            let number = error.raw_os_error();
            self.refused = Some(number.map_or_else(again, io::Error::from_raw_os_error));
        })?;
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

/// SHA-256 of a text, in hexadecimal.
pub(super) fn sha256_of_text(text: &str) -> String {
    hex(&Sha256::digest(text))
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
