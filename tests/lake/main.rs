//! The lake: what analysts are promised of the files that they find.

mod changes;
mod cookbook;
mod crash;
mod generations;
mod older;
#[path = "../python/mod.rs"]
mod python;
mod readers;
mod schema;
mod season;
mod tables;
mod verify;
mod world;
