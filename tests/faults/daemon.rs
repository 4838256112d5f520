//! A program that goes on until it is told to stop: what it says, and what it is told.

use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::program::{Ended, in_time};

/// A running program, whose log is read as it is written.
pub(crate) struct Daemon {
    child: Child,
    log: Arc<Mutex<String>>,
    grown: Arc<Notify>,
    /// Reads the log until it is closed.
    reader: JoinHandle<()>,
}

impl Daemon {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (log, grown) = (Arc::<Mutex<String>>::default(), Arc::new(Notify::new()));
        let (written, told) = (Arc::clone(&log), Arc::clone(&grown));
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                written.lock().unwrap().push_str(&(line + "\n"));
                told.notify_one();
            }
        });
        Self {
            child,
            log,
            grown,
            reader,
        }
    }

    /// Waits until its log holds these words. Fails the test where it ends without them.
    pub(crate) async fn said(&mut self, words: &str) {
        while !self.log().contains(words) && !self.reader.is_finished() {
            let grown = async {
                tokio::select! {
                    () = self.grown.notified() => {}
                    _ = &mut self.reader => {}
                }
            };
            in_time(grown).await;
        }
        let log = self.log();
        assert!(log.contains(words), "it ended without “{words}”: {log}");
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn ends(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = in_time(self.child.wait()).await.unwrap();
        if !self.reader.is_finished() {
            in_time(&mut self.reader).await.unwrap();
        }
        Ended {
            code: status.code(),
            stdout: String::new(),
            stderr: self.log(),
        }
    }
}
