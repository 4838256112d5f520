//! Any bytes as a page of the list.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| twsync_fuzz::api::fuzzing::page(body));
