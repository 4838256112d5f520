//! Whether the mirror and the lake can stand where the settings put them. A lake's folder is exchanged
//! as a whole, and holds nothing else.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// What `SQLite` and twsync put beside the mirror; backups apart, whose names say of which schema.
const BESIDE_MIRROR: [&str; 5] = ["-wal", "-shm", "-journal", ".lock", ".new"];

/// Why they can't stand there together, if they can't: what is said of the two after their names.
pub(super) fn conflict(mirror: &Path, lake: &Path) -> Option<&'static str> {
    let (mirror, lake) = (resolved(mirror), resolved(lake));
    let is_beside = |suffix: &&str| {
        let mut name = OsString::from(&mirror);
        name.push(suffix);
        lake.starts_with(PathBuf::from(name))
    };
    if lake == mirror {
        Some("are the same: one is a file, the other a folder")
    } else if mirror.starts_with(&lake) {
        Some("exclude each other: the mirror is inside the lake, which is replaced as a whole")
    } else if lake.starts_with(&mirror) {
        Some("exclude each other: the lake is inside the mirror, which is a file")
    } else if BESIDE_MIRROR.iter().any(is_beside) {
        Some("exclude each other: the lake has the name of a file that belongs to the mirror")
    } else {
        None
    }
}

/// The absolute path, links resolved as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(resolved.pop()),
            component => resolved.push(component),
        }
        if let Ok(there) = resolved.canonicalize() {
            resolved = there;
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_beside_the_mirror_is_told_from_one_in_its_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("data")).expect("made");
        std::os::unix::fs::symlink(path("data"), path("link")).expect("linked");
        for (mirror, lake) in [
            ("data/mirror.db", "data/lake"),
            ("data/mirror.db", "data/mirror.db.lake"),
            ("data/lake.db", "data/lake"),
            ("link/mirror.db", "data/lake"),
            ("data/../mirror.db", "data"),
        ] {
            let said = conflict(&path(mirror), &path(lake));
            assert_eq!(said, None, "{mirror} and {lake}");
        }
        for (mirror, lake) in [
            ("data/mirror.db", "data/mirror.db"),
            ("data/mirror.db", "data"),
            ("data/mirror.db", "link"),
            ("link/mirror.db", "data/."),
            ("data/mirror.db", "new/.."),
            ("lake/deep/mirror.db", "lake"),
            ("data/mirror.db", "data/mirror.db/lake"),
            ("data/mirror.db", "data/mirror.db-wal"),
            ("data/mirror.db", "data/mirror.db.lock"),
        ] {
            let said = conflict(&path(mirror), &path(lake));
            assert!(said.is_some(), "{mirror} and {lake}");
        }
    }
}
