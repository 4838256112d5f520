//! The commands, a file each: what was asked for in, an answer and an exit code out.
//!
//! A command gathers, then shows: what it gathers is a value, and how that is written for a person
//! is a pure function of it. Errors come back as a [`Failure`] and are printed by nobody here.

mod check;
mod completions;
mod config;
mod demo;
mod failure;
mod history;
pub mod log;
mod man;
mod once;
mod plan;
pub mod process;
mod progress;
mod report;
mod sandbox;
mod service;
mod snapshot;
mod status;
mod stderr;
mod summary;
mod terminal;
mod verify;
mod words;

use tokio::runtime::{Builder, Runtime};

use crate::cli::{Command, Global, Task};
use crate::config::{Settings, Sources, load};
use crate::report::Exit;

pub use failure::Failure;
pub use terminal::Terminal;

/// Does what the command line asks for.
pub fn run(task: Task, global: &Global, terminal: &Terminal) -> Result<Exit, Failure> {
    match task {
        Task::Daemon => runtime()?.block_on(service::run(sources(global))),
        Task::Once(once) => {
            let config = settings(global)?.config;
            runtime()?.block_on(once::run(&once, config, terminal))
        }
        Task::Command(command) => run_command(command, global, terminal),
    }
}

fn run_command(command: Command, global: &Global, terminal: &Terminal) -> Result<Exit, Failure> {
    let config = || settings(global).map(|settings| settings.config);
    match command {
        Command::Demo { customers, dir } => {
            serving_runtime()?.block_on(demo::run(customers, &dir, terminal))
        }
        Command::Plan => runtime()?.block_on(plan::run(config()?, terminal)),
        Command::Status => status::run(&config()?, terminal),
        Command::History { id } => history::run(id, &config()?, terminal),
        Command::Refresh { ids } => runtime()?.block_on(once::refresh(ids, config()?, terminal)),
        Command::Snapshot => runtime()?.block_on(snapshot::run(config()?, terminal)),
        Command::Verify => runtime()?.block_on(verify::run(config()?, terminal)),
        Command::Check => runtime()?.block_on(check::run(settings(global)?, terminal)),
        Command::Report { out } => report::run(&out, &config()?, terminal),
        Command::Config => config::run(&settings(global)?, terminal),
        Command::Sandbox { port, customers } => {
            serving_runtime()?.block_on(sandbox::run(port, customers, terminal))
        }
        Command::Completions { shell } => completions::run(shell, terminal),
        Command::Man => man::run(terminal),
    }
}

/// The settings in force.
fn settings(global: &Global) -> Result<Settings, Failure> {
    Ok(load(&sources(global))?)
}

/// Where settings come from, to load them again when the daemon is told to.
fn sources(global: &Global) -> Sources {
    Sources::of_process(global.config.clone(), global.settings.clone())
}

/// One thread asks and parses while another keeps what came: the mirror is the slower of the two, and
/// more threads would only wake each other. What may block is done elsewhere.
fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// For whoever serves the sandbox: a thread a core.
fn serving_runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
