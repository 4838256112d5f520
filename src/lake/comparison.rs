//! A table of the lake held against the rows that it should have, one by one, in their order. Columns that
//! a row's file lacks are not compared: they were added after it was written.

use std::collections::HashSet;

use uuid::Uuid;

use super::cell::Cell;
use super::column::{Column, Kind};
use super::rows::{Held, Position, Rows};
use super::verify::Finding;

/// A table being compared. After the first difference it looks no further: what comes after a
/// missing row is no news.
pub(super) struct Comparison<'known> {
    table: &'static str,
    columns: Vec<Column>,
    rows: Rows,
    /// Customers that the comparison leaves out: the mirror has moved on with them.
    left_out: &'known HashSet<[u8; 16]>,
    finding: Option<Finding>,
}

/// What one row of the lake turned out to be.
enum Seen {
    LeftOut,
    Same,
    Differs(Finding),
}

impl<'known> Comparison<'known> {
    /// Begins at the first of `rows`.
    pub(super) fn new(
        table: &'static str,
        columns: Vec<Column>,
        rows: Rows,
        left_out: &'known HashSet<[u8; 16]>,
    ) -> Self {
        Self {
            table,
            columns,
            rows,
            left_out,
            finding: None,
        }
    }

    /// The next row should be this one.
    pub(super) fn expect<'row>(&mut self, cells: impl IntoIterator<Item = Cell<'row>>) {
        if self.finding.is_some() {
            return;
        }
        let expected: Vec<Held<'_>> = cells.into_iter().map(Some).collect();
        if self.is_left_out(&expected) {
            return;
        }
        self.finding = loop {
            let (columns, left_out) = (&self.columns, self.left_out);
            let seen = self.rows.next(|position, found| {
                if is_left_out(left_out, columns, found) {
                    Seen::LeftOut
                } else if expected.iter().zip(found).all(is_same) {
                    Seen::Same
                } else {
                    Seen::Differs(difference(columns, position, &expected, found))
                }
            });
            match seen {
                Ok(Some(Seen::LeftOut)) => {}
                Ok(Some(Seen::Same)) => break None,
                Ok(Some(Seen::Differs(finding))) => break Some(finding),
                Ok(None) => break Some(self.lacks(&expected)),
                Err(error) => break Some(Finding::new(self.table, error)),
            }
        };
    }

    /// No more rows should come. Answers with what was found.
    pub(super) fn end(mut self) -> Option<Finding> {
        let (columns, left_out) = (&self.columns, self.left_out);
        while self.finding.is_none() {
            let surplus = self.rows.next(|position, found| {
                (!is_left_out(left_out, columns, found)).then(|| {
                    Finding::at(
                        position,
                        format!("{} is not in the mirror", name(columns, found)),
                    )
                })
            });
            match surplus {
                Ok(Some(surplus)) => self.finding = surplus,
                Ok(None) => break,
                Err(error) => self.finding = Some(Finding::new(self.table, error)),
            }
        }
        self.finding
    }

    fn is_left_out(&self, cells: &[Held<'_>]) -> bool {
        is_left_out(self.left_out, &self.columns, cells)
    }

    fn lacks(&self, expected: &[Held<'_>]) -> Finding {
        Finding::disagreement(
            self.table,
            format!("lacks {} of the mirror", name(&self.columns, expected)),
        )
    }
}

fn is_left_out(left_out: &HashSet<[u8; 16]>, columns: &[Column], cells: &[Held<'_>]) -> bool {
    !left_out.is_empty() && id(columns, cells).is_some_and(|id| left_out.contains(&id))
}

fn is_same((expected, found): (&Held<'_>, &Held<'_>)) -> bool {
    found.is_none() || expected == found
}

/// Names the columns that differ, never their values.
fn difference(
    columns: &[Column],
    position: &Position,
    expected: &[Held<'_>],
    found: &[Held<'_>],
) -> Finding {
    if id(columns, expected) != id(columns, found) {
        let (expected, found) = (name(columns, expected), name(columns, found));
        return Finding::at(
            position,
            format!("is {found} where the mirror has {expected}"),
        );
    }
    let differing: Vec<String> = columns
        .iter()
        .zip(expected.iter().zip(found))
        .filter(|(_, cells)| !is_same(*cells))
        .map(|(column, _)| column.name())
        .collect();
    Finding::at(
        position,
        format!(
            "{} differs from the mirror in {}",
            name(columns, found),
            differing.join(", ")
        ),
    )
}

fn id(columns: &[Column], cells: &[Held<'_>]) -> Option<[u8; 16]> {
    match (columns.first()?.kind, cells.first()?) {
        (Kind::Id, Some(Cell::Id(id))) => Some(*id),
        _ => None,
    }
}

/// What a row is called in a finding: its id, or the day of a count.
fn name(columns: &[Column], cells: &[Held<'_>]) -> String {
    id(columns, cells).map_or_else(
        || "a count".to_owned(),
        |id| Uuid::from_bytes(id).to_string(),
    )
}
