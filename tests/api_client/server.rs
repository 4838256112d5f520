//! A server that says whatever a test has it say, byte by byte, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) at: Instant,
}

/// What to say.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes; the connection stays.
    Then(Vec<u8>),
    /// These bytes, and the connection ends.
    Last(Vec<u8>),
    /// Nothing, until the other side gives up.
    Silence,
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// Listens on a port of its own until the process ends.
pub(crate) struct Server {
    address: std::net::SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the nth request, from 1, as `script` says.
    pub(crate) fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (script, kept): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, log) = (Arc::clone(&script), Arc::clone(&kept));
                std::thread::spawn(move || converse(&stream, &*script, &log));
            }
        });
        Self { address, log }
    }

    /// `http://127.0.0.1:…`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far, in order.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().expect("the log").clone()
    }
}

fn converse(stream: &TcpStream, script: &Script, log: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        let nth = {
            let mut log = log.lock().expect("the log");
            log.push(request.clone());
            log.len()
        };
        // The other side may hang up at any time; that is its right.
        match script(nth, &request) {
            Reply::Then(bytes) => {
                if writer.write_all(&bytes).is_err() {
                    return;
                }
            }
            Reply::Last(bytes) => {
                let _ = writer.write_all(&bytes);
                return;
            }
            Reply::Silence => {
                let _ = reader.fill_buf();
                return;
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(Request {
        method,
        target,
        headers,
        at: Instant::now(),
    })
}

/// A whole answer with these further header lines.
pub(crate) fn say(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for line in headers.lines() {
        bytes.extend_from_slice(line.trim().as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Reply::Then(bytes)
}

/// 200 with this JSON.
pub(crate) fn json(body: impl AsRef<[u8]>) -> Reply {
    say(200, "content-type: application/json", body)
}

/// A page of no customers, in the `page-size` dialect.
pub(crate) fn empty_page() -> Reply {
    json(
        r#"{"customers":[],"pagination":{"page":1,"pageSize":100,"totalCount":0,"totalPages":0,"hasNext":false,"hasPrev":false}}"#,
    )
}

/// The details of whichever customer was asked for.
pub(crate) fn details_of(request: &Request) -> Reply {
    let id = request.target.rsplit('/').next().unwrap_or_default();
    json(format!(r#"{{"id":"{id}","name":"Acme"}}"#))
}

/// Longer than anything takes here that waits for nothing, shorter than any wait it stands against.
pub(crate) const SOON: Duration = Duration::from_millis(900);
