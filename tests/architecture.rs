//! The house is as ARCHITECTURE.md draws it: who imports whom, who owns which crate, and that each
//! file says what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// Crates that one module owns, and the folder under `src` that may name them.
const OWNED: [(&str, &str); 11] = [
    ("rusqlite", "mirror"),
    ("rusqlite_migration", "mirror"),
    ("reqwest", "api"),
    ("governor", "api"),
    ("arrow", "lake"),
    ("parquet", "lake"),
    ("object_store", "lake"),
    ("tokio_cron_scheduler", "daemon"),
    ("indicatif", "command"),
    ("plotters", "chronicle"),
    ("prometheus_client", "status"),
];

struct Source {
    path: PathBuf,
    /// The top-level module that the file belongs to.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let src = Path::new(TOP).join("src");
    let mut folders = vec![src.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(&src).unwrap();
                let first = below
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_str()
                    .unwrap();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source {
                    path: below.to_owned(),
                    module,
                    text,
                });
            }
        }
    }
    assert!(
        found.len() > 20,
        "the walk over src/ found only {} files",
        found.len()
    );
    found
}

/// The rows of the table under "Who may import whom": module → the modules it may import.
fn import_table() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(Path::new(TOP).join("ARCHITECTURE.md")).unwrap();
    let section = page
        .split("## Who may import whom")
        .nth(1)
        .expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let mut table = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        for module in names(cells[0]) {
            table.insert(module, names(cells[1]));
        }
    }
    assert!(table.len() > 10, "the table has only {} rows", table.len());
    table
}

/// The top-level modules that the text imports by `crate::name` or, in the binary, `twsync::name`.
fn imported(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut names = BTreeSet::new();
    for line in code {
        for root in ["crate::", "twsync::"] {
            for rest in line.split(root).skip(1) {
                let group = rest
                    .strip_prefix('{')
                    .map(|rest| rest.split('}').next().unwrap());
                for path in
                    group
                        .unwrap_or(rest)
                        .split(',')
                        .take(if group.is_some() { 99 } else { 1 })
                {
                    let name: String = path
                        .trim()
                        .chars()
                        .take_while(|letter| letter.is_ascii_lowercase() || *letter == '_')
                        .collect();
                    names.insert(name);
                }
            }
        }
    }
    names.remove("");
    names
}

#[test]
fn imports_run_only_as_the_table_allows() {
    let table = import_table();
    for source in sources() {
        let Some(allowed) = table.get(&source.module) else {
            assert_eq!(
                source.module,
                "lib",
                "{} is in no row of the table",
                source.path.display()
            );
            continue;
        };
        for name in imported(&source.text) {
            assert!(
                name == source.module || allowed.contains(&name) || !table.contains_key(&name),
                "{} imports {name}, which the table does not allow to {}",
                source.path.display(),
                source.module
            );
        }
    }
}

#[test]
fn every_module_of_the_table_exists_and_every_module_is_in_it() {
    let there: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();
    let mut named: BTreeSet<String> = import_table().into_keys().collect();
    named.insert("lib".to_owned());
    assert_eq!(there, named);
}

#[test]
fn a_crate_that_one_module_owns_is_named_nowhere_else() {
    for source in sources() {
        for (name, owner) in OWNED {
            let names_it = source.text.contains(&format!("{name}::"));
            assert!(
                !names_it || source.module == owner,
                "{} names {name}, which {owner} owns",
                source.path.display()
            );
        }
    }
}

#[test]
fn every_file_opens_with_its_one_idea() {
    for source in sources() {
        assert!(
            source.text.starts_with("//! "),
            "{} has no //! on top",
            source.path.display()
        );
    }
}

#[test]
fn a_file_is_one_idea_and_fits_five_hundred_lines() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", source.path.display());
    }
}

#[test]
fn what_the_pages_name_is_there() {
    for page in ["ARCHITECTURE.md", "README.md"] {
        let text = fs::read_to_string(Path::new(TOP).join(page)).unwrap();
        for name in text.split('`').skip(1).step_by(2) {
            let is_path = [
                "src/",
                "tests/",
                "config/",
                "examples/",
                "benches/",
                "docs/",
            ]
            .iter()
            .any(|folder| name.starts_with(folder));
            if is_path && !name.contains(['*', ' ', '{']) {
                assert!(
                    Path::new(TOP).join(name).exists(),
                    "{page} names {name}, which is not there"
                );
            }
        }
    }
}
