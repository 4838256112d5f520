//! The lake: the mirror as Parquet, for analysts, and the only Arrow and Parquet of the crate.
//!
//! What is published is a *generation*: all tables of one instant of the mirror, in immutable files
//! whose names are made of their contents. It is staged beside the lake, checked, and exchanged
//! with the generation before it in one step. Files that are as they were are not written again
//! but kept under the same name (hard links).
//!
//! Everything is made from the mirror alone, and the same rows make the same bytes, whenever and
//! however often they are written. There is one exception: a past day's snapshot holds when details
//! were last verified *on that day*, and who was unlisted then, which the mirror forgets; made anew, it
//! holds a lower bound of the one, and of the other what is still so.
//!
//! Readers that glob two levels of folders at the very moment of an exchange may list some folders
//! before it and some after. They can't see a file of mixed content, but where two folders of a table are
//! new at once, they may see one and not the other; who must be certain takes the names from
//! `manifest.json`.

mod analytics;
mod assembly;
mod batch;
mod bucket;
mod calendar;
mod cell;
mod changes;
mod cloud;
pub mod column;
mod comparison;
mod daily;
mod datapackage;
mod day_sums;
mod days;
mod dictionary;
mod digest;
mod documents;
mod encoder;
mod error;
mod fields;
mod heading;
mod history;
mod home;
mod lending;
mod manifest;
mod names;
mod objects;
mod place;
mod previous;
mod proof;
mod provenance;
mod rows;
mod runs;
mod shape;
mod sorter;
mod source;
mod stage;
mod state;
mod stretches;
pub mod table;
mod verify;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use uuid::{NoContext, Uuid};

use crate::clock::Clock;
use crate::config::{self, UuidEncoding};
use crate::mirror::Reader;
use crate::report::{self, Live, Report};

use calendar::Day;
use history::History;
use home::Home;
use manifest::Manifest;
use previous::Previous;
use source::{News, Source};
use stage::Stage;
use state::Current;
use table::{SCHEMA_VERSION, Table};

pub use error::{Error, Refusal};
pub use verify::{Finding, MIRROR, verify};

/// The longest that publishing may go without a sign of life: a bucket may take so long to answer.
pub const SILENCE_MAX: Duration = cloud::SILENCE_MAX;

/// A generation that is now in the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The generation's id.
    pub generation: String,
    /// The newest instant that the tables speak of.
    pub state_at: Timestamp,
    /// Living customers in it.
    pub customers: u64,
    /// Files of its tables.
    pub files: u64,
    /// Of those, how many are as they were and were kept.
    pub files_kept: u64,
    /// The tables' size together.
    pub bytes: u64,
}

/// Makes a generation of the mirror's state and puts it in the lake's place. `run` is the run that
/// publishes, as far as it has come; none where the mirror is published as it is.
///
/// It blocks, for seconds where there are many customers: call it on a thread of its own. Whatever
/// goes wrong, the last generation stays.
pub fn publish(
    settings: &config::Lake,
    mirror: &Path,
    run: Option<&Report>,
    clock: &Clock,
    live: &Live,
) -> Result<Published, Error> {
    let made = make(settings, mirror, run, clock, live, Trust::Names);
    made.map(|(published, _)| published)
}

/// As [`publish`] without a run, and nothing is kept of the last generation that is not as it was
/// written: all its files are read. Tells which were not, and were made anew.
///
/// What the mirror does not know can't be made anew: when details were verified, and whether the list
/// showed the customer, as they were on a past day.
pub fn mend(
    settings: &config::Lake,
    mirror: &Path,
    clock: &Clock,
    live: &Live,
) -> Result<(Published, Vec<Finding>), Error> {
    make(settings, mirror, None, clock, live, Trust::Contents)
}

/// What a file of the last generation must be to be kept.
enum Trust {
    /// There, and as long as it was written.
    Names,
    /// As it was written.
    Contents,
}

fn make(
    settings: &config::Lake,
    mirror: &Path,
    run: Option<&Report>,
    clock: &Clock,
    live: &Live,
    trust: Trust,
) -> Result<(Published, Vec<Finding>), Error> {
    let reader = Reader::open(mirror)?;
    let home = Home::open(settings, mirror)?;
    let mut previous = home.current()?;
    let damaged = match (trust, &mut previous) {
        (Trust::Contents, Some(previous)) => home.distrust_damaged(previous)?,
        _ => Vec::new(),
    };
    let previous = previous.as_ref();
    let snapshot = reader.snapshot()?;
    let source = Source::new(&snapshot, run, clock, live)?;
    live.begin(report::Stage::Publishing, 0);
    if let Some(previous) = previous {
        source.may_follow(previous)?;
    }

    let generation = generation_id(source.instant);
    let root = home.stage(&generation)?;
    let ground = ground(&source, previous, settings.uuid_encoding)?;
    let (encoding, names) = (settings.uuid_encoding, home.names(&generation));
    let mut stage = Stage::new(root, encoding, names, ground.map(|(it, _)| it));
    let before = previous.map(|previous| &previous.manifest);
    let daily_for = days::whole_days(settings.keep_daily);
    let runs = source.provenance.runs();
    let days = days::wanted(&snapshot, runs, before, source.today(), daily_for)?;
    write_tables(&mut stage, &source, ground, &days)?;
    stage.await_check()?;
    let mut manifest = manifest(&stage, &source, generation, settings);
    documents::write(&stage, &home.location(), &mut manifest, previous)?;
    fail::fail_point!("lake-staging");

    let published = published(&stage, &manifest);
    home.take(stage, &manifest, live)?;
    Ok((published, damaged))
}

/// What can be said against the place of a lake in a folder by reading what is there: it is somebody
/// else's, of a newer program, or the root of a filesystem.
pub fn recognize(settings: &config::Lake) -> Result<(), Error> {
    home::recognize(settings)
}

/// Whether a generation could be published: the place is there or can be made, can be written, is
/// nobody else's, and what is in it is a lake. For the start, before anything was asked for.
///
/// It blocks, and a bucket may take its time: call it on a thread of its own.
pub fn check(settings: &config::Lake) -> Result<(), Error> {
    home::try_out(settings)
}

/// The generation before, as far as its files can be kept, and what came in since. Files with ids
/// in another encoding can't stand in one table with new ones.
fn ground<'previous>(
    source: &Source<'_>,
    previous: Option<&'previous Previous>,
    encoding: UuidEncoding,
) -> Result<Option<(&'previous Previous, News)>, Error> {
    match previous {
        Some(previous) if previous.writes_ids_as(encoding) => {
            Ok(source.news(previous)?.map(|news| (previous, news)))
        }
        _ => Ok(None),
    }
}

fn write_tables(
    stage: &mut Stage<'_>,
    source: &Source<'_>,
    ground: Option<(&Previous, News)>,
    days: &BTreeSet<Day>,
) -> Result<(), Error> {
    let previous = ground.map(|(previous, _)| previous);
    let overtaken = ground.and_then(|(_, news)| news.overtaken);
    let mut current = Current::begin(stage)?;
    let mut history = History::begin(stage, source, previous, &mut current.file)?;
    current.write(stage, source, history.as_mut())?;
    if let Some(history) = history {
        history.finish(stage, source)?;
    }
    state::write_past_days(stage, source, days, overtaken)?;
    changes::write(stage, source, previous)?;
    runs::write(stage, source)
}

fn manifest(
    stage: &Stage<'_>,
    source: &Source<'_>,
    generation: String,
    settings: &config::Lake,
) -> Manifest {
    let run = source.provenance.runs().last();
    let proof = source.provenance.newest_graded();
    Manifest {
        generator: provenance::GENERATOR.to_owned(),
        schema_version: SCHEMA_VERSION,
        generation,
        instant: source.instant,
        state_at: source.state_at,
        run: run.map(|run| run.id.to_string()),
        grade: proof
            .and_then(|run| run.grade)
            .map(|grade| grade.as_str().to_owned()),
        as_of: proof.and_then(|run| run.as_of),
        last_complete_as_of: source.last_complete_as_of,
        uuid_encoding: previous::word(settings.uuid_encoding).to_owned(),
        daily_for_days: Some(days::whole_days(settings.keep_daily)),
        customers: stage.rows(Table::Current),
        versions: source.standing.versions,
        documents: Vec::new(),
        files: stage.sorted_entries(),
    }
}

fn published(stage: &Stage<'_>, manifest: &Manifest) -> Published {
    Published {
        generation: manifest.generation.clone(),
        state_at: manifest.state_at,
        customers: manifest.customers,
        files: manifest.files.len() as u64,
        files_kept: stage.kept(),
        bytes: manifest.files.iter().map(|entry| entry.bytes).sum(),
    }
}

/// A UUID of version 7: generations sort by when they were made.
fn generation_id(at: Timestamp) -> String {
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(at.subsec_nanosecond()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds)).to_string()
}
