//! The modules of twsync that read what strangers write, without what they never touch: mirror, lake
//! and daemon would take the fuzzer minutes to build, and it needs none of them.
//!
//! That this is all of it follows from the table of imports in ARCHITECTURE.md: `api` and `config`
//! may import nothing but these.

#![allow(dead_code, missing_docs, reason = "a part of the crate, for its own ends")]

#[path = "../../src/api/mod.rs"]
pub mod api;
#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/customer.rs"]
pub mod customer;
#[path = "../../src/report.rs"]
pub mod report;
