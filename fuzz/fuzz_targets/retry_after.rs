//! Any bytes as `Retry-After` and `Date`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| twsync_fuzz::api::fuzzing::retry_after(bytes));
