//! Any bytes as a whole answer: its status, some headers, a body.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| twsync_fuzz::api::fuzzing::answer(bytes));
