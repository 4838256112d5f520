//! `twsync config`: the settings in force, as a file that could be read again, and where each came
//! from.

use std::fmt::Write as _;

use serde::Serialize;

use super::words::{BOLD, DIM, tame};
use super::{Failure, Terminal};
use crate::config::{Entry, Settings};
use crate::report::Exit;

#[derive(Serialize)]
struct Shown {
    file: Option<String>,
    settings: Vec<Setting>,
}

#[derive(Serialize)]
struct Setting {
    key: &'static str,
    /// TOML; none where it is secret.
    value: Option<String>,
    origin: String,
}

pub(super) fn run(settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
    let file = settings.file.as_ref();
    let shown = Shown {
        file: file.map(|path| path.display().to_string()),
        settings: settings.entries().into_iter().map(Setting::from).collect(),
    };
    terminal.answer(&shown, text)?;
    Ok(Exit::Done)
}

impl From<Entry> for Setting {
    fn from(entry: Entry) -> Self {
        Self {
            key: entry.key,
            value: entry.value,
            origin: entry.origin.to_string(),
        }
    }
}

fn text(shown: &Shown) -> String {
    let file = shown.file.as_deref().unwrap_or("none found");
    let mut text = format!("{DIM}# settings file: {}{DIM:#}\n", tame(file));
    let width = shown.settings.iter().map(|it| line(it).chars().count());
    let width = width.filter(|width| *width < 48).max().unwrap_or(0);
    let mut section = "";
    for setting in &shown.settings {
        let (this, _) = setting.key.split_once('.').unwrap_or_default();
        if this != section {
            let _ = write!(text, "\n{BOLD}[{this}]{BOLD:#}\n");
            section = this;
        }
        let line = line(setting);
        let (line, origin) = (tame(&line), tame(&setting.origin));
        let _ = writeln!(text, "{line:width$}  {DIM}# {origin}{DIM:#}");
    }
    text
}

/// A secret one is a comment, so that the whole stays a file of settings.
fn line(setting: &Setting) -> String {
    let (_, name) = setting.key.split_once('.').unwrap_or_default();
    match &setting.value {
        Some(value) => format!("{name} = {value}"),
        None => format!("# {name} is set, and secret"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn what_is_shown_can_be_read_again_and_holds_no_secret() {
        let environment = [
            ("TWSYNC_API__KEY", "canary"),
            ("TWSYNC_API__SECRET_FILE", "/run/secret"),
            ("TWSYNC_PACE__BURST", "3"),
        ];
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let settings = load(&Sources {
            environment: environment.into(),
            ..Sources::default()
        })
        .expect("good settings");
        let shown = Shown {
            file: None,
            settings: settings.entries().into_iter().map(Setting::from).collect(),
        };
        let text = anstream::adapter::strip_str(&text(&shown)).to_string();
        assert!(!text.contains("canary"));
        insta::assert_snapshot!(text);
        let again: toml::Table = text.parse().expect("TOML");
        assert_eq!(again["pace"]["burst"].as_integer(), Some(3));
    }
}
