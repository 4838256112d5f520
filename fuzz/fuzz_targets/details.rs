//! Any bytes as a customer's details.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| twsync_fuzz::api::fuzzing::details(body));
