//! Reads a mirror beside a running twsync: what changed since an instant, one line each.
//!
//!     cargo run --example changes_since -- data/mirror.db 2026-11-01T00:00:00Z

use std::error::Error;
use std::path::PathBuf;

use jiff::Timestamp;
use twsync::mirror::{self, Reader};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("which mirror?")?);
    let since: Timestamp = arguments.next().ok_or("since when?")?.parse()?;
    let reader = Reader::open(&path)?;
    let snapshot = reader.snapshot()?;
    snapshot.changes(Some(since), None, |version, _before| {
        let at = Timestamp::from_microsecond(version.valid_from).expect("the mirror holds times");
        println!("{at} {} {}", version.op.as_str(), version.customer_id);
        Ok::<(), mirror::Error>(())
    })?;
    Ok(())
}
