//! The process itself: what must never be left of it, and how it dies.

use std::io::Write as _;
use std::panic::PanicHookInfo;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use super::stderr::Stderr;
use crate::report::Exit;

/// No core dump, which would hold secrets, and no half-living process: a panic in any thread ends
/// all of it.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // The limit holds where dumps are files. Where they go to a program the limit is ignored, and
    // not being dumpable holds. Both can only fail where the kernel knows neither.
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    std::panic::set_hook(Box::new(die));
    // For the tests' builds: FAILPOINTS names the points at which to die. It is to hold for good.
    #[cfg(feature = "failpoints")]
    std::mem::forget(fail::FailScenario::setup());
}

/// Says where it happened and not what: the message of a panic may hold a customer's data.
fn die(panic: &PanicHookInfo<'_>) {
    // As a test's `panic(abort)` wants it: nothing is said, nothing unwound, nothing cleared away.
    #[cfg(feature = "failpoints")]
    if panic.payload_as_str() == Some("abort") {
        std::process::abort();
    }
    let place = panic
        .location()
        .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let said = format!(
        "twsync: error: this is a bug in twsync {} (panic at {place})\n  \
         → nothing that was committed is lost; please report it with this line\n",
        env!("CARGO_PKG_VERSION"),
    );
    let _ = Stderr.write_all(said.as_bytes());
    std::process::exit(i32::from(Exit::Bug as u8));
}
