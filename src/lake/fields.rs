//! A customer's declared fields as the tables show them: the cells of
//! [`FIELDS`](super::table::FIELDS).

use crate::customer::CustomerId;
use crate::mirror::{CustomerRow, VersionRow};

use super::calendar::Day;
use super::cell::Cell;

/// Columns of a customer's declared fields, apart from the key.
pub(super) const COUNT: usize = 9;

/// A customer's declared fields, of a row or of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'row> {
    pub(super) name: Option<&'row str>,
    pub(super) tier_name: Option<&'row str>,
    pub(super) tier_id: Option<&'row str>,
    pub(super) subscription_status: Option<&'row str>,
    pub(super) subscription_enabled: Option<bool>,
    pub(super) member_count: Option<i64>,
    pub(super) created_at: Option<i64>,
    pub(super) owner_user_id: Option<&'row str>,
}

impl<'row> From<&CustomerRow<'row>> for Fields<'row> {
    fn from(row: &CustomerRow<'row>) -> Self {
        Self {
            name: row.name,
            tier_name: row.tier_name,
            tier_id: row.tier_id,
            subscription_status: row.subscription_status,
            subscription_enabled: row.subscription_enabled,
            member_count: row.member_count,
            created_at: row.created_at,
            owner_user_id: row.owner_user_id,
        }
    }
}

impl<'row> From<&VersionRow<'row>> for Fields<'row> {
    fn from(row: &VersionRow<'row>) -> Self {
        Self {
            name: row.name,
            tier_name: row.tier_name,
            tier_id: row.tier_id,
            subscription_status: row.subscription_status,
            subscription_enabled: row.subscription_enabled,
            member_count: row.member_count,
            created_at: row.created_at,
            owner_user_id: row.owner_user_id,
        }
    }
}

impl<'row> Fields<'row> {
    /// A cell for each column of [`FIELDS`](super::table::FIELDS), in order.
    pub(super) fn cells(&self) -> [Cell<'row>; COUNT] {
        [
            Cell::text(self.name),
            Cell::text(self.tier_name),
            Cell::text(self.tier_id),
            Cell::text(self.subscription_status),
            self.subscription_enabled.map_or(Cell::Null, Cell::Flag),
            self.member_count.map_or(Cell::Null, Cell::Integer),
            Cell::instant(self.created_at),
            self.created_at
                .map_or(Cell::Null, |at| Cell::Day(Day::of(at).0)),
            Cell::text(self.owner_user_id),
        ]
    }
}

/// The sixteen bytes of an id of the mirror, which holds ids in one form only.
pub(super) fn id_bytes(id: &str) -> [u8; 16] {
    let id: CustomerId = id.parse().expect("the mirror holds ids that were parsed");
    *id.as_bytes()
}
