//! A lake in a bucket of Azure's: what differs from S3 is the crate's, so this is the whole way once,
//! and what only the storage's own answers decide.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use futures::TryStreamExt as _;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::{ObjectStore as _, ObjectStoreExt as _, path};
use tokio::runtime::Builder;
use twsync::lake::{self, Error, Refusal};

use crate::python::{ends_well, script};
use crate::storage::{cloud, location, named, named_by, python};
use crate::world::{World, customers, with_members};

/// A running storage; it ends with this.
struct Azure {
    child: Child,
    environment: Vec<(String, String)>,
}

impl Azure {
    /// Starts one; none where nobody said where Azurite is.
    fn start() -> Option<Self> {
        let azurite = named_by("READERS_AZURITE")?;
        let mut child = script(&python()?, "azure.py")
            .arg(azurite)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut said = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut said)
            .expect("the storage starts");
        let mut said = said.split_whitespace();
        let mut told = |name: &str| (name.to_owned(), said.next().expect(name).to_owned());
        let environment = vec![
            told("AZURE_STORAGE_ENDPOINT"),
            told("AZURE_STORAGE_ACCOUNT_NAME"),
            told("AZURE_STORAGE_ACCOUNT_KEY"),
            ("AZURE_ALLOW_HTTP".to_owned(), "true".to_owned()),
        ];
        Some(Self { child, environment })
    }

    /// A world with its lake in this place of it.
    fn world(&self, place: &str) -> World {
        let mut world = World::new();
        world.settings.path = Some(location(place));
        world.settings.cloud = cloud(&self.environment);
        world.find(&customers(0..40));
        world
    }

    /// The tables' files that are there, and those that the manifest names; both in order.
    fn files(&self) -> [Vec<String>; 2] {
        let mut builder = MicrosoftAzureBuilder::new().with_container_name("customers");
        for (name, value) in &self.environment {
            let key = name.to_ascii_lowercase().parse().expect("a key");
            builder = builder.with_config(key, value);
        }
        let store = builder.build().expect("a store");
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let all = store.list(None).try_collect::<Vec<_>>().await;
            let all = all.expect("a list").into_iter().map(|it| it.location);
            let all = all.map(|it| it.as_ref().replacen("lake/", "", 1));
            let manifest = store.get(&path::Path::from("lake/manifest.json")).await;
            let manifest = manifest.expect("it is there").bytes().await;
            let manifest = manifest.expect("its bytes");
            let manifest = serde_json::from_slice(&manifest).expect("a manifest in JSON");
            let there = all.filter(|it| it.ends_with(".parquet")).collect();
            let mut files = [there, named(&manifest)];
            for list in &mut files {
                list.sort();
            }
            files
        })
    }
}

impl Drop for Azure {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends with its input; where it does not, the test is over all the same.
        let _ = self.child.wait();
    }
}

#[track_caller]
fn assert_refused(world: &World, expected: Refusal) {
    match lake::check(&world.settings).expect_err("it is no place for a lake") {
        Error::Bucket { refusal, .. } => assert_eq!(refusal, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lake_in_azure_is_published_kept_and_proved() {
    let Some(azure) = Azure::start() else { return };
    let mut world = azure.world("az://customers/lake");
    lake::check(&world.settings).expect("it is a place for a lake");
    let published = world.publish();
    assert_eq!((published.customers, published.files_kept), (40, 0));
    assert_eq!(world.verify(), []);
    let [_, mut before] = azure.files();
    for members in 50..53 {
        world.find(&[with_members(1, members)]);
        let published = world.publish();
        assert!(published.files_kept > 0, "what is as it was stays");
        assert_eq!(world.verify(), []);
        let [there, now] = azure.files();
        let mut expected = [before, now.clone()].concat();
        expected.sort();
        expected.dedup();
        assert_eq!(there, expected, "of two generations, and no more");
        before = now;
    }
    lake::check(&world.settings).expect("and still is");
}

#[test]
fn duckdb_reads_it_in_azure_by_the_lakes_own_script() {
    let Some(python) = named_by("READERS_EXTENSIONS_PYTHON") else {
        return;
    };
    let Some(azure) = Azure::start() else { return };
    let place = "az://customers/lake";
    azure.world(place).live_through_months();
    let [(_, endpoint), _, (_, key), ..] = &azure.environment[..] else {
        panic!("it said an address, an account and its key");
    };
    let mut script = script(&python, "read_bucket_duckdb.py");
    let script = script.args([place, endpoint.as_str(), key.as_str()]);
    ends_well(script.spawn().expect("python starts"));
}

#[test]
fn azure_says_what_is_wrong() {
    let Some(azure) = Azure::start() else { return };
    assert_refused(&azure.world("az://nobody/lake"), Refusal::Missing);
    let mut stranger = azure.world("az://customers/lake");
    let mut environment = azure.environment.clone();
    // A key that is one, and not this account's.
    environment[2].1 = "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50".to_owned();
    stranger.settings.cloud = cloud(&environment);
    assert_refused(&stranger, Refusal::Forbidden);
}
