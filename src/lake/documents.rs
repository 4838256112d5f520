//! The documents at the lake's top, all made from the tables' columns and the generation's files.

use crate::config::Location;

use super::Error;
use super::digest;
use super::manifest::{Document, MANIFEST, Manifest};
use super::previous::Previous;
use super::stage::Stage;
use super::{analytics, datapackage, dictionary};

const ANALYTICS: &str = "analytics.sql";
const README: &str = "README.md";
const DATAPACKAGE: &str = "datapackage.json";

/// What stands beside the tables.
pub(super) const DOCUMENTS: [&str; 4] = [MANIFEST, ANALYTICS, README, DATAPACKAGE];

/// Writes them all; the manifest last, in which the others are entered.
pub(super) fn write(
    stage: &Stage<'_>,
    lake: &Location,
    manifest: &mut Manifest,
    previous: Option<&Previous>,
) -> Result<(), Error> {
    let texts = [
        (ANALYTICS, analytics::text(lake, manifest)),
        (README, dictionary::text(lake, manifest)),
        (DATAPACKAGE, datapackage::text(manifest)),
    ];
    // In a folder all of a generation is there at once.
    let before = previous.filter(|_| matches!(lake, Location::Bucket(_)));
    for (name, text) in texts {
        stage.document(name, &text)?;
        manifest.documents.push(Document {
            path: name.to_owned(),
            bytes: text.len() as u64,
            sha256: digest::sha256_of_text(&text),
            replaces_sha256: before.and_then(|before| before.document(name)).cloned(),
        });
    }
    stage.document(MANIFEST, &manifest.to_text())
}
