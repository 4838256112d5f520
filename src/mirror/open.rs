//! Opening.
use super::{Error, Mirror};
use std::path::Path;
pub(super) fn writer(path: &Path) -> Result<Mirror, Error> {
    unimplemented!()
}
