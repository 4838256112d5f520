//! Any text as a time.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| twsync_fuzz::api::fuzzing::time(text));
