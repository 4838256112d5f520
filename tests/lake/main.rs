//! The lake: what analysts are promised of the files that they find.

mod crash;
mod generations;
mod readers;
mod tables;
mod verify;
mod world;
