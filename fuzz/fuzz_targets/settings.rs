//! Any text as a settings file, the value of a flag, and of a variable: settings or an error that
//! says what to do, and shows no secret.

#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;

use twsync_fuzz::config::{Error, Settings, Sources, load};

const SECRET: &str = "s3cretcanary";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = PathBuf::from(format!("/dev/shm/twsync-fuzz-{}.toml", std::process::id()));
    let file = text.replacen("[api]", &format!("[api]\ntoken = \"{SECRET}\""), 1);
    std::fs::write(&path, &file).expect("room in memory");
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    is_sound(load(&sources));
    if let Some((key, value)) = text.split_once('=') {
        let environment = BTreeMap::from([(format!("TWSYNC_{key}").into(), value.into())]);
        is_sound(load(&Sources {
            environment,
            ..Sources::default()
        }));
        is_sound(load(&Sources {
            flags: vec![(key.to_owned(), value.to_owned())],
            ..Sources::default()
        }));
    }
});

fn is_sound(loaded: Result<Settings, Error>) {
    match loaded {
        Ok(settings) => {
            let said = format!("{:?} {:?}", settings.entries(), settings.config);
            assert!(!said.contains(SECRET), "{said}");
        }
        Err(error) => {
            let said = format!("{error} {error:?} {}", error.hint());
            assert!(!said.contains(SECRET), "{said}");
            assert!(!error.hint().is_empty());
            let moves = |letter: char| letter.is_control() && letter != '\n';
            assert!(!error.to_string().contains(moves), "{said:?}");
        }
    }
}
