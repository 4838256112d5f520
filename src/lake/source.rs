//! What a generation is made from: one instant of the mirror, and the runs that led there.

use jiff::Timestamp;

use crate::clock::Clock;
use crate::mirror::{Snapshot, Standing};
use crate::report::{Live, Report};

use super::Error;
use super::calendar::{Day, instant};
use super::previous::Previous;
use super::provenance::Provenance;

/// One instant of the mirror, and the runs that led there.
pub(super) struct Source<'reader> {
    /// The mirror. All tables of a generation are read from this one transaction.
    pub(super) mirror: &'reader Snapshot<'reader>,
    /// How the mirror stands.
    pub(super) standing: Standing,
    /// Which run wrote when.
    pub(super) provenance: Provenance,
    /// When the generation is made.
    pub(super) instant: Timestamp,
    /// The newest instant that the mirror's state is of: the newest run's end. Where that run goes
    /// on, now; where it was killed, the newest version.
    pub(super) state_at: Timestamp,
    /// The newest instant of which a walk proved exactly which customers lived.
    pub(super) last_complete_as_of: Option<Timestamp>,
    /// For whoever looks on.
    pub(super) live: &'reader Live,
}

impl<'reader> Source<'reader> {
    /// `run`, where there is one, is the run that publishes: it is shown as it says itself.
    pub(super) fn new(
        mirror: &'reader Snapshot<'reader>,
        run: Option<&Report>,
        clock: &Clock,
        live: &'reader Live,
    ) -> Result<Self, Error> {
        let mut runs = mirror.runs()?;
        if let Some(run) = run {
            runs.retain(|it| it.id != run.id);
            runs.push(run.clone());
        }
        let standing = mirror.standing()?;
        let instant = clock.now();
        let state_at = match (run, runs.last()) {
            (Some(run), _) => run.finished_at.unwrap_or(instant),
            (None, Some(last)) => match last.finished_at {
                Some(finished_at) => finished_at,
                None => newest_since(mirror, last.started_at)?,
            },
            (None, None) => instant,
        };
        Ok(Self {
            mirror,
            // History never runs backwards, but a clock does where it was set back.
            state_at: standing
                .newest_version_at
                .map_or(state_at, |newest| newest.max(state_at)),
            standing,
            provenance: Provenance::new(runs),
            instant,
            last_complete_as_of: mirror.memory()?.last_complete_as_of,
            live,
        })
    }

    /// The day that the state is of.
    pub(super) fn today(&self) -> Day {
        Day::at(self.state_at)
    }

    /// Refuses to put this in the place of a generation that knows more.
    pub(super) fn may_follow(&self, previous: &Previous) -> Result<(), Error> {
        let manifest = &previous.manifest;
        if manifest.versions > self.standing.versions {
            return Err(Error::OtherMirror {
                path: previous.lake.clone(),
                lake: manifest.versions,
                mirror: self.standing.versions,
            });
        }
        let explained = self.standing.deleted >= manifest.customers;
        if self.standing.alive == 0 && manifest.customers > 0 && !explained {
            return Err(Error::Emptied {
                before: manifest.customers,
            });
        }
        Ok(())
    }

    /// What came in since `previous` was made; none where it is no ground to build on: versions
    /// came in before its own instant, because a clock was set back.
    pub(super) fn news(&self, previous: &Previous) -> Result<Option<News>, Error> {
        let day = previous.day();
        if day > self.today() {
            return Ok(None);
        }
        let mut versions = previous.manifest.versions;
        let mut overtaken = false;
        let made = instant(previous.manifest.state_at.as_microsecond() + 1);
        self.mirror.changes(Some(made), None, |version, _| {
            versions += 1;
            overtaken |= Day::of(version.valid_from) == day;
            Ok::<_, Error>(())
        })?;
        let overtaken = (overtaken && day < self.today()).then_some(day);
        Ok((versions == self.standing.versions).then_some(News { overtaken }))
    }
}

/// What came in since a generation was made.
#[derive(Clone, Copy)]
pub(super) struct News {
    /// Its day, if that is over and something came in on it afterwards.
    pub(super) overtaken: Option<Day>,
}

/// The newest version's instant, from `start` on.
fn newest_since(mirror: &Snapshot<'_>, start: Timestamp) -> Result<Timestamp, Error> {
    let mut newest = start;
    mirror.changes(Some(start), None, |version, _| {
        newest = newest.max(instant(version.valid_from));
        Ok::<_, Error>(())
    })?;
    Ok(newest)
}
