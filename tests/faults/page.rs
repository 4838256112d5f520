//! The page and the tests are of one mind: each case names its tests, each test is there, and no test
//! of this folder is missing on the page.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// A line of a table: what goes wrong, and the tests that it names.
struct Case {
    what: String,
    tests: Vec<String>,
}

fn page() -> String {
    fs::read_to_string(Path::new(TOP).join("docs/faults.md")).unwrap()
}

fn cases() -> Vec<Case> {
    let page = page();
    let lines = page.lines().filter(|line| line.starts_with("| "));
    let lines = lines.filter(|line| !line.starts_with("| what goes wrong"));
    let cases: Vec<Case> = lines.map(case).collect();
    assert!(cases.len() > 120, "only {} cases", cases.len());
    cases
}

fn case(line: &str) -> Case {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
    let [what, happens, tests] = cells[..] else {
        panic!("not three cells: {line}");
    };
    assert!(!happens.trim().is_empty(), "nothing happens: {line}");
    let names = tests.split('`').skip(1).step_by(2);
    Case {
        what: what.trim().to_owned(),
        tests: names.map(str::to_owned).collect(),
    }
}

/// The file that a name is of, and the test's own name.
fn place(name: &str) -> (PathBuf, &str) {
    let (file, test) = name
        .rsplit_once("::")
        .unwrap_or_else(|| panic!("no test: {name}"));
    let file = if file.contains('/') {
        Path::new(TOP).join(file)
    } else {
        Path::new(TOP).join(format!("tests/faults/{file}.rs"))
    };
    (file, test)
}

/// The names of all tests in a file: of each function below a `#[test]`, in whichever form, or in
/// a block of `proptest!`.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut tests = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        let is_ignored = line.starts_with("#[") && line.contains("ignore");
        assert!(
            !is_ignored,
            "{}: {line}: a promise is kept always",
            file.display()
        );
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line
            .strip_prefix("async ")
            .unwrap_or(line)
            .strip_prefix("fn ");
        if let Some(name) = function.filter(|_| is_test) {
            let end = name.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            tests.insert(name[..end.unwrap_or(name.len())].to_owned());
            is_test = false;
        }
    }
    tests
}

#[test]
fn every_case_names_a_test_and_the_test_is_there() {
    for Case { what, tests } in cases() {
        assert!(!tests.is_empty(), "“{what}” names no test");
        for name in tests {
            let (file, test) = place(&name);
            assert!(
                tests_of(&file).contains(test),
                "“{what}” names {name}, which is not there"
            );
        }
    }
}

#[test]
fn no_case_stands_twice() {
    let page = page();
    for group in page.split("\n## ").skip(1) {
        let rows = group.lines().filter(|line| line.starts_with("| "));
        let mut seen = BTreeSet::new();
        for what in rows.map(|row| row.split(" | ").next().unwrap()) {
            assert!(seen.insert(what), "{what} stands twice");
        }
    }
}

#[test]
fn every_test_of_this_folder_is_on_the_page() {
    let named: BTreeSet<String> = cases().into_iter().flat_map(|case| case.tests).collect();
    for entry in fs::read_dir(Path::new(TOP).join("tests/faults")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "page" {
            continue;
        }
        for test in tests_of(&path) {
            let name = format!("{module}::{test}");
            assert!(named.contains(&name), "{name} is not on the page");
        }
    }
}
