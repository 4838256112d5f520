//! Arguments, settings, command, exit code.

use std::process::ExitCode;

use twsync::cli::Cli;
use twsync::command::{self, Terminal, log, process};
use twsync::report::Exit;

fn main() -> ExitCode {
    process::harden();
    let (global, task) = match Cli::read() {
        Ok(said) => said,
        Err(said) => {
            // Help or a usage error; if nobody can read it, the exit code still says it.
            let _ = said.print();
            return exit_code(if said.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            });
        }
    };
    let terminal = Terminal::new(&global);
    let outcome =
        log::init(&global, &task, &terminal).and_then(|()| command::run(task, &global, &terminal));
    match outcome {
        Ok(exit) => exit_code(exit),
        Err(failure) => {
            terminal.fail(&failure);
            exit_code(failure.exit())
        }
    }
}

fn exit_code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
