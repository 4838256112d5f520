//! Which row number an id has: given when it is first heard of, and never to another.

use rusqlite::{Connection, params};

use crate::customer::CustomerId;

/// Gives out row numbers. What is given here is written with the transaction that it is given for.
pub(super) struct RowNumbers {
    first: u32,
    next: u32,
}

/// An id's row number.
pub(super) struct Numbered {
    pub row: u32,
    /// It had none until now.
    pub is_new: bool,
}

impl RowNumbers {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let next = connection
            .prepare_cached("SELECT next_row FROM memory")?
            .query_row([], |row| row.get(0))?;
        Ok(Self { first: next, next })
    }

    /// The row number of `id`, which gets one where it has none.
    pub(super) fn of(
        &mut self,
        connection: &Connection,
        id: CustomerId,
    ) -> rusqlite::Result<Numbered> {
        let given = connection
            .prepare_cached(
                "INSERT INTO ids (id, row) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            )?
            .execute(params![id, self.next])?;
        if given == 1 {
            let row = self.next;
            self.next = row
                .checked_add(1)
                .expect("fewer than four billion customers");
            return Ok(Numbered { row, is_new: true });
        }
        connection
            .prepare_cached("SELECT row FROM ids WHERE id = ?1")?
            .query_row([id], |row| {
                Ok(Numbered {
                    row: row.get(0)?,
                    is_new: false,
                })
            })
    }

    pub(super) fn store(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.next > self.first {
            connection
                .prepare_cached("UPDATE memory SET next_row = ?1")?
                .execute([self.next])?;
        }
        Ok(())
    }
}
