//! The scripts of `tests/readers`, and a Python that has what they need.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Python in which these imports succeed; none where there is none and nobody said that there is.
#[expect(
    clippy::print_stderr,
    reason = "a test that was left out must not look as if it had passed"
)]
pub(crate) fn python_with(imports: &str) -> Option<PathBuf> {
    if let Some(python) = std::env::var_os("READERS_PYTHON") {
        return Some(python.into());
    }
    let found = Command::new("python3")
        .args(["-c", imports])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        eprintln!("left out: python3 lacks what tests/readers/requirements.txt names");
    }
    found.then(|| "python3".into())
}

/// A script of `tests/readers`.
pub(crate) fn script(python: &Path, name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join(name));
    command
}

/// Fails the test where a script found a fault.
#[track_caller]
pub(crate) fn ends_well(mut script: Child) {
    let status = script.wait().expect("python ends");
    assert!(status.success(), "the script found a fault");
}
