//! The command line: what may be said, and nothing that acts.
//!
//! The doc comments here are the help texts. No option takes a secret: whatever stands on a
//! command line can be read by every user of the machine.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::customer::CustomerId;

const LONG_ABOUT: &str = "\
A faithful local copy of every ThreatWinds billing customer

twsync walks the customer list, asks for the details that are new, changed or due, and keeps them in
a SQLite mirror with every version, and in a Parquet lake that is right whenever you look. Without a
command it is a daemon that syncs on its schedule.";

const EXAMPLES: &str = "\
Examples:
  twsync demo                         See it work, without credentials
  TWSYNC_API__TOKEN=… twsync check    Before trusting it: credentials, role, disk, clock
  twsync --once                       One sync, then exit; resumes one that was cut short
  twsync -c /etc/twsync/twsync.toml   The daemon, on its schedule
  twsync status                       How fresh the copy is, and how much of it is proved";

const EXIT_CODES_AND_SETTINGS: &str = "\
Exit codes:
   0  done; the walk is proved complete, or converged
   1  a fault of twsync itself
   2  the command line is wrong
  65  the server does not speak this API
  69  the API can't be reached, or keeps failing
  73  mirror or lake can't be written (disk full, permissions)
  74  mirror or lake is damaged, from another program, or from a newer version
  75  partial: interrupted, budget spent, asked to wait too long, or another process holds the
      mirror; run it again
  76  done, but deletions are on hold and want a decision
  77  credentials refused
  78  the configuration is wrong

Settings:
  A TOML file (--config, else $TWSYNC_CONFIG, else ./twsync.toml, else /etc/twsync/twsync.toml),
  then environment variables (api.page_size is TWSYNC_API__PAGE_SIZE), then --set. `twsync config`
  lists them all. $TWSYNC_LOG filters the log, like \"twsync=debug\".";

/// What this process was called with.
#[derive(Debug, Parser)]
#[command(
    name = "twsync",
    version,
    about = "A faithful local copy of every ThreatWinds billing customer",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES_AND_SETTINGS}"),
    disable_help_subcommand = true,
    subcommand_value_name = "COMMAND"
)]
pub struct Cli {
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Settings file
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override one setting, like pace.burst=5
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub settings: Vec<(String, String)>,
    /// Log more: once what is done, then debug, then trace
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log less, and show no progress: -q warnings, -qq errors
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub quiet: u8,
    /// How log lines are written to stderr
    #[arg(long, global = true, value_name = "text|json", default_value = "text")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub log_format: Format,
    /// How results are written to stdout
    #[arg(long, global = true, value_name = "text|json", default_value = "text")]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub output: Format,
    /// When to use colors
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto"
    )]
    #[arg(hide_default_value = true, hide_possible_values = true)]
    pub color: ColorChoice,
}

/// For people or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document, or one a log line.
    Json,
}

/// One sync instead of the daemon.
#[derive(Clone, Debug, Args)]
pub struct Once {
    /// One sync, then exit; resumes one that was cut short
    #[arg(long)]
    pub once: bool,
    /// Ask for every customer's details again
    #[arg(long, requires = "once")]
    pub full: bool,
    /// Stop cleanly after N requests; the next run goes on from there
    #[arg(long, requires = "once", value_name = "N")]
    pub max_requests: Option<u64>,
    /// Release a hold: carry out up to N deletions, also in the run that takes this one up
    #[arg(long, requires = "once", value_name = "N")]
    pub allow_deletions: Option<u64>,
}

/// A command of its own.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// See it work, without credentials
    ///
    /// Starts the sandbox API in this process, syncs from it over real HTTP into a folder, lets
    /// some customers change, syncs again, and says what to look at and how.
    Demo {
        /// Customers in the sandbox
        #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = population())]
        customers: u32,
        /// Folder for the mirror and the lake; must be new or from an earlier demo
        #[arg(long, value_name = "DIR", default_value = "twsync-demo")]
        dir: PathBuf,
    },
    /// What a sync would do; walks the list and writes nothing
    Plan,
    /// How fresh the copy is: last runs, grade, queue, holds
    ///
    /// Read from the mirror, whether the daemon runs or not. No request is sent.
    Status,
    /// One customer's versions, field by field
    ///
    /// Each change is shown with the interval in which it happened: from when the earlier state
    /// was last seen to when the later one was first seen.
    History {
        /// The customer's UUID
        id: CustomerId,
    },
    /// Ask for these customers' details now
    Refresh {
        /// Customers' UUIDs
        #[arg(required = true, value_name = "ID")]
        ids: Vec<CustomerId>,
    },
    /// Publish the lake anew from the mirror; sends no request
    Snapshot,
    /// What became of the customers, as one HTML file to read offline
    ///
    /// Customers over time, who came and left, trials, moves between tiers, and how well all of
    /// it is proved. The file needs nothing but itself and names no customer.
    Report {
        /// Where to write it; - for stdout
        #[arg(long, value_name = "FILE", default_value = "twsync-report.html")]
        out: PathBuf,
    },
    /// Prove that mirror, history and lake agree and are whole
    Verify,
    /// Before trusting it: settings, credentials, one page, disk, lock, clock
    Check,
    /// The settings in force, and where each came from
    Config,
    /// Serve the API as documented, on loopback, to rehearse against
    ///
    /// Runs until ^C. The customers are made up, and the same each time.
    Sandbox {
        /// Port on 127.0.0.1; 0: any that is free
        #[arg(long, value_name = "P", default_value_t = 8687)]
        port: u16,
        /// Customers to serve
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = population())]
        customers: u32,
    },
    /// Completions for a shell, to stdout
    #[command(after_help = "Examples:
  twsync completions bash > ~/.local/share/bash-completion/completions/twsync
  twsync completions zsh > ~/.zfunc/_twsync
  twsync completions fish > ~/.config/fish/completions/twsync.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The man page, to stdout
    #[command(after_help = "Example:\n  twsync man | man -l -")]
    Man,
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Task {
    /// Sync on the schedule until told to stop.
    Daemon,
    /// One sync.
    Once(Once),
    /// Something else.
    Command(Command),
}

impl Command {
    /// Whether the settings in force change what it does.
    fn reads_settings(&self) -> bool {
        !matches!(
            self,
            Self::Demo { .. } | Self::Sandbox { .. } | Self::Completions { .. } | Self::Man
        )
    }
}

impl Global {
    fn has_settings(&self) -> bool {
        self.config.is_some() || !self.settings.is_empty()
    }
}

impl Cli {
    /// What the command line of this process says. The error is for the reader: usage, or the
    /// help that was asked for.
    pub fn read() -> Result<(Global, Task), clap::Error> {
        Self::try_parse()?.decide()
    }

    fn decide(self) -> Result<(Global, Task), clap::Error> {
        let task = match self.command {
            Some(_) if self.once.once => {
                let said = "--once is a run of its own and takes no command";
                return Err(Self::command().error(ErrorKind::ArgumentConflict, said));
            }
            Some(command) if !command.reads_settings() && self.global.has_settings() => {
                let said =
                    "this command reads no settings: --config and --set would change nothing";
                return Err(Self::command().error(ErrorKind::ArgumentConflict, said));
            }
            Some(command) => Task::Command(command),
            None if self.once.once => Task::Once(self.once),
            None => Task::Daemon,
        };
        Ok((self.global, task))
    }
}

fn population() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000_000)
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("not of the form KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(arguments: &[&str]) -> Result<Task, ErrorKind> {
        let all = std::iter::once(&"twsync").chain(arguments);
        let cli = Cli::try_parse_from(all).and_then(Cli::decide);
        cli.map(|(_, task)| task).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_the_daemon() {
        assert!(matches!(task(&[]), Ok(Task::Daemon)));
        assert!(matches!(task(&["-c", "f", "-v"]), Ok(Task::Daemon)));
        assert!(matches!(task(&["--once"]), Ok(Task::Once(_))));
    }

    #[test]
    fn global_options_may_stand_before_and_after_the_command() {
        for arguments in [
            ["-c", "f", "status"],
            ["status", "-c", "f"],
            ["--output", "json", "status"],
            ["status", "--output", "json"],
        ] {
            assert!(matches!(
                task(&arguments),
                Ok(Task::Command(Command::Status))
            ));
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        use ErrorKind::{ArgumentConflict, MissingRequiredArgument, ValueValidation};
        for (arguments, kind) in [
            (&["--once", "status"][..], ArgumentConflict),
            (&["--full"], MissingRequiredArgument),
            (&["--max-requests", "5"], MissingRequiredArgument),
            (&["--allow-deletions", "5"], MissingRequiredArgument),
            (&["-v", "-q"], ArgumentConflict),
            (&["refresh"], MissingRequiredArgument),
            (&["history", "../etc/passwd"], ValueValidation),
            (&["demo", "--customers", "0"], ValueValidation),
            (&["--set", "pace.burst"], ValueValidation),
        ] {
            assert_eq!(task(arguments).err(), Some(kind), "{arguments:?}");
        }
    }
}
