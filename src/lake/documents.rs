//! The documents at the lake's top, all made from the tables' columns and the generation's files.

use crate::config::Location;

use super::Error;
use super::manifest::{MANIFEST, Manifest};
use super::stage::Stage;
use super::{analytics, datapackage, dictionary};

const ANALYTICS: &str = "analytics.sql";
const README: &str = "README.md";
const DATAPACKAGE: &str = "datapackage.json";

/// What stands beside the tables.
pub(super) const DOCUMENTS: [&str; 4] = [MANIFEST, ANALYTICS, README, DATAPACKAGE];

/// Writes them all; the manifest last.
pub(super) fn write(stage: &Stage<'_>, lake: &Location, manifest: &Manifest) -> Result<(), Error> {
    stage.document(ANALYTICS, &analytics::text(lake, manifest))?;
    stage.document(README, &dictionary::text(lake, manifest))?;
    stage.document(DATAPACKAGE, &datapackage::text(manifest))?;
    stage.document(MANIFEST, &manifest.to_text())
}
