//! The cookbook is run, all of it, and what it prints is kept.

use std::path::Path;
use std::process::Command;

use crate::readers::python;
use crate::season::season;

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered_as_it_was() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let lake = season(folder.path()).await;
    let queries = printed(&python, "tests/readers/cookbook.py", &lake);
    insta::assert_snapshot!("queries", queries);
    // It stops by itself where DuckDB, Polars and pandas do not agree.
    let notebook = printed(&python, "examples/notebook.py", &lake);
    insta::assert_snapshot!("notebook", notebook);
}

/// What a Python script prints, told where the lake is, run in a folder that has nothing to do with it.
fn printed(python: &Path, script: &str, lake: &Path) -> String {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let output = Command::new(python)
        .arg("-B")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
        .arg(lake)
        .current_dir(&elsewhere)
        .output()
        .expect("python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8(output.stdout).expect("python prints UTF-8")
}
