//! The seal of a version: by it a row that another program has changed is known.
//!
//! It is a function of the mirror's own SQL, `seal_of`, so that what writes a version seals it, and
//! a query over all versions tells which seals are broken. It keeps nobody out: whoever can write the
//! mirror can also seal.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

/// The columns of `kept` that are sealed: what the version that holds says.
macro_rules! sealed_columns {
    () => {
        "name, tier_name, tier_id, subscription_status, subscription_enabled, member_count, \
         created_at, owner_user_id, extra, absent, op, changed_at, not_before, run_id"
    };
}
pub(super) use sealed_columns;

/// Makes `seal_of` known to this connection: the first eight bytes of the SHA-256 over its arguments, as
/// an integer.
pub(super) fn install(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("seal_of", -1, flags, |context| {
        let mut hash = Sha256::new();
        for place in 0..context.len() {
            add(&mut hash, context.get_raw(place));
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (first, _) = digest.split_first_chunk().expect("there are 32");
        Ok(i64::from_le_bytes(*first))
    })
}

/// A tag keeps what is NULL, a number and a text apart, and a length where a text ends.
fn add(hash: &mut Sha256, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.update([0]),
        ValueRef::Integer(number) => {
            hash.update([1]);
            hash.update(number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            hash.update([2]);
            hash.update(number.to_le_bytes());
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.update([3]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
    }
}
