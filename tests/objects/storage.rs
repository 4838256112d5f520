//! The storage that the tests are held against, and what is in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{Attribute, GetResult, ObjectStore, ObjectStoreExt, path};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use twsync::config::{Cloud, Location};
use url::Url;

use crate::python::{python_with, script};
use crate::world::World;

/// The bucket that is there.
pub(crate) const BUCKET: &str = "customers";

/// A key that every storage takes that checks none.
pub(crate) const ANYBODY: &str = "anybody-at-all";

/// A running storage; it ends with this.
pub(crate) struct Storage {
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    requests: RefCell<Vec<String>>,
    /// Where it listens.
    pub(crate) url: String,
    /// Who may speak Google's language to it; none where it is spoken to in S3's.
    service_account: Option<String>,
    store: AmazonS3,
    runtime: Runtime,
}

const IMPORTS: &str =
    "import boto3, cryptography, duckdb, fsspec, jq, moto.server, polars, pyarrow";

/// A Python that has what the scripts need.
pub(crate) fn python() -> Option<PathBuf> {
    python_with(IMPORTS)
}

/// What this variable of the environment names, if anybody said where it is.
#[expect(
    clippy::print_stderr,
    reason = "a test that was left out must not look as if it had passed"
)]
pub(crate) fn named_by(variable: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable);
    if named.is_none() {
        eprintln!("left out: {variable} names nothing");
    }
    named.map(PathBuf::from)
}

impl Storage {
    /// Starts one; none where there is no Python for it.
    pub(crate) fn start() -> Option<Self> {
        let mut child = script(&python()?, "storage.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in answers.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        // What it asked of itself stands before its address.
        let mut said = std::iter::from_fn(|| lines.recv().ok());
        let url = said
            .find(|line| line.starts_with("http://"))
            .expect("the storage starts");
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(&url)
            .with_allow_http(true)
            .with_access_key_id(ANYBODY)
            .with_secret_access_key(ANYBODY);
        // Whoever comes first chooses for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Self {
            orders: child.stdin.take(),
            child,
            lines,
            requests: RefCell::default(),
            url,
            service_account: None,
            store: store.build().expect("a store"),
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        })
    }

    /// Starts one for each language in which worlds are to speak to it: S3's, and Google's.
    pub(crate) fn of_each_cloud() -> impl Iterator<Item = Self> {
        Self::start().into_iter().chain(Self::start_google())
    }

    /// Starts one to which worlds speak as to Google's; these tests themselves speak S3 to it all the same.
    pub(crate) fn start_google() -> Option<Self> {
        let mut storage = Self::start()?;
        storage.service_account = Some(storage.order("google"));
        Some(storage)
    }

    /// What the environment has to say for it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let environment = match &self.service_account {
            None => vec![
                ("AWS_ACCESS_KEY_ID", ANYBODY),
                ("AWS_SECRET_ACCESS_KEY", ANYBODY),
                ("AWS_REGION", "us-east-1"),
                ("AWS_ENDPOINT_URL", &self.url),
                ("AWS_ALLOW_HTTP", "true"),
            ],
            Some(key) => vec![
                ("GOOGLE_SERVICE_ACCOUNT_KEY", key.as_str()),
                ("GOOGLE_BASE_URL", &self.url),
                ("GOOGLE_ALLOW_HTTP", "true"),
            ],
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        environment.into_iter().map(owned).collect()
    }

    /// A place in the bucket, as worlds are to call it.
    pub(crate) fn place(&self, prefix: &str) -> String {
        let scheme = self.service_account.as_ref().map_or("s3", |_| "gs");
        format!("{scheme}://{BUCKET}{prefix}")
    }

    /// Has this world's lake in the bucket.
    pub(crate) fn hosts(&self, world: &mut World) {
        world.settings.path = Some(location(&self.place("/lake")));
        world.settings.cloud = cloud(&self.environment());
    }

    /// Gives an order, and tells the answer.
    pub(crate) fn order(&self, order: &str) -> String {
        let mut orders = self.orders.as_ref().expect("it runs");
        writeln!(orders, "{order}").expect("it listens");
        loop {
            let line = self.lines.recv().expect("it answers");
            match line.strip_prefix("done") {
                Some(answer) => return answer.trim().to_owned(),
                None => self.requests.borrow_mut().push(line),
            }
        }
    }

    /// What it was asked for since this was last called, as `METHOD name status`, names from the
    /// lake's place on.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.order("well");
        let place = format!("/{BUCKET}/lake/");
        let requests = self.requests.take();
        requests.iter().map(|it| it.replace(&place, "")).collect()
    }

    /// The names of what was put, in order.
    pub(crate) fn puts(&self) -> Vec<String> {
        let put = |request: String| {
            let name = request.strip_prefix("PUT ")?.strip_suffix(" 200")?;
            Some(name.to_owned())
        };
        self.requests().into_iter().filter_map(put).collect()
    }

    /// All that is in the bucket, by name from the lake's place on.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.runtime.block_on(async {
            let mut found = BTreeMap::new();
            for (name, object) in self.all().await {
                let bytes = object.bytes().await.expect("its bytes").to_vec();
                found.insert(name, bytes);
            }
            found
        })
    }

    /// What each object in the bucket says that it is.
    pub(crate) fn media_types(&self) -> BTreeMap<String, String> {
        let said = |object: &GetResult| {
            let said = object.attributes.get(&Attribute::ContentType);
            said.expect("a type").to_string()
        };
        let all = self.runtime.block_on(self.all()).into_iter();
        all.map(|(name, object)| (name, said(&object))).collect()
    }

    async fn all(&self) -> Vec<(String, GetResult)> {
        use futures::StreamExt as _;
        let mut all = Vec::new();
        let mut listed = self.store.list(None);
        while let Some(object) = listed.next().await {
            let location = object.expect("a list").location;
            // What a console shows as a folder has no name that could be asked for.
            if location.as_ref() == "lake" {
                continue;
            }
            let got = self.store.get(&location).await.expect("an object");
            let name = location.to_string();
            let name = name.strip_prefix("lake/").unwrap_or(&name).to_owned();
            all.push((name, got));
        }
        all
    }

    /// Puts an object, by its name in the bucket.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let key = path::Path::from(name);
        let put = self.store.put(&key, bytes.to_vec().into());
        self.runtime.block_on(put).expect("it is put");
    }

    /// Removes an object, by its name in the bucket.
    pub(crate) fn remove(&self, name: &str) {
        let key = path::Path::from(name);
        let removed = self.store.delete(&key);
        self.runtime.block_on(removed).expect("it is removed");
    }

    /// The manifest that is there.
    pub(crate) fn manifest(&self) -> Value {
        let objects = self.objects();
        let text = objects.get("manifest.json").expect("a manifest");
        serde_json::from_slice(text).expect("a manifest in JSON")
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It ends with its input; where it does not, the test is over all the same.
        let _ = self.child.wait();
    }
}

/// A place in a bucket.
pub(crate) fn location(url: &str) -> Location {
    Location::Bucket(Url::parse(url).expect("a URL"))
}

/// An environment.
pub(crate) fn cloud(environment: &[(String, String)]) -> Cloud {
    Cloud::of(
        environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )
}

/// The files that a manifest names.
pub(crate) fn named(manifest: &Value) -> Vec<String> {
    let files = manifest["files"].as_array().expect("files");
    let path = |file: &Value| file["path"].as_str().expect("a path").to_owned();
    files.iter().map(path).collect()
}
