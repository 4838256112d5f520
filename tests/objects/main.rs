//! A lake in a bucket, held against a storage that speaks S3, `tests/readers/storage.py`, and one that speaks
//! Azure, `azure.py` beside it.

mod azure;
#[path = "../program/mod.rs"]
mod program;
mod program_runs;
mod publishing;
#[path = "../python/mod.rs"]
mod python;
mod races;
mod readers;
mod refusals;
mod storage;
#[path = "../lake/world.rs"]
#[expect(dead_code, reason = "the tests of the binary `lake` use more of it")]
mod world;
