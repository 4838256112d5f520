//! `twsync man`: the man page, with a section for each command.

use std::io::Write as _;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Failure, Terminal};
use crate::cli::Cli;
use crate::report::Exit;

pub(super) fn run(terminal: &Terminal) -> Result<Exit, Failure> {
    let page =
        page(Cli::command()).map_err(|error| Failure::of(&error, String::new(), Exit::Bug))?;
    terminal.write(&page)?;
    Ok(Exit::Done)
}

/// One page for all, so that one file is all there is to install.
fn page(mut command: Command) -> std::io::Result<Vec<u8>> {
    command.build();
    let mut page = Vec::new();
    let whole = Man::new(command.clone());
    whole.render(&mut page)?;
    for command in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        writeln!(page, ".SH TWSYNC {}", command.get_name().to_uppercase())?;
        let section = Man::new(command.clone());
        section.render_synopsis_section(&mut page)?;
        section.render_description_section(&mut page)?;
        section.render_options_section(&mut page)?;
    }
    Ok(page)
}
