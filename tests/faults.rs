//! What must be survived: the cases of `docs/faults.md`, one test each, over real HTTP.
//!
//! The page names these tests, and [`page`] holds the two together.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod program;
mod support;

#[path = "faults/credentials.rs"]
mod credentials;
#[path = "faults/disk.rs"]
mod disk;
#[path = "faults/fuzz.rs"]
mod fuzz;
#[path = "faults/hostile.rs"]
mod hostile;
#[path = "faults/pacing.rs"]
mod pacing;
#[path = "faults/page.rs"]
mod page;
#[path = "faults/paging.rs"]
mod paging;
#[path = "faults/payload.rs"]
mod payload;
#[path = "faults/process.rs"]
mod process;
#[path = "faults/promise.rs"]
mod promise;
#[path = "faults/publishing.rs"]
mod publishing;
#[path = "faults/schemas.rs"]
mod schemas;
#[path = "faults/settings.rs"]
mod settings;
#[path = "faults/shell.rs"]
mod shell;
#[path = "faults/soak.rs"]
mod soak;
#[path = "faults/sqlite.rs"]
mod sqlite;
#[path = "faults/strange_details.rs"]
mod strange_details;
#[path = "faults/time.rs"]
mod time;
#[path = "faults/tls.rs"]
mod tls;
#[path = "faults/transport.rs"]
mod transport;
#[path = "faults/values.rs"]
mod values;
