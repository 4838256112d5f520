//! `twsync completions`: what a shell needs to complete the command line.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Failure, Terminal};
use crate::cli::Cli;
use crate::report::Exit;

pub(super) fn run(shell: Shell, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "twsync", &mut script);
    terminal.write(&script)?;
    Ok(Exit::Done)
}
