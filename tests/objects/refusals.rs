//! A bucket that is not there, not ours, out of reach, or not fit.

use std::net::TcpListener;

use twsync::lake::{self, Error, Refusal};
use twsync::report::{Exit, in_one_line};

use crate::storage::{BUCKET, Storage, cloud, location, named};
use crate::world::{World, customers, with_members};

/// A secret that must not be seen.
const CANARY: &str = "canary-canary-canary";

/// What publishing and the check before a run are refused with; both the same.
#[track_caller]
fn refusal(world: &World) -> Refusal {
    let mirror = world.folder().join("mirror.db");
    let errors = [
        world.try_publish().expect_err("it can't be published"),
        lake::check(&world.settings).expect_err("and that is known before"),
        lake::verify(&world.settings, &mirror).expect_err("nor read"),
    ];
    let mut refusals = errors.iter().map(|error| {
        let said = format!("{} {} {error:?}", in_one_line(error), error.hint());
        assert!(
            said.contains("://") && said.contains("/lake"),
            "it says where: {said}"
        );
        assert!(!said.contains(CANARY), "{said}");
        match error {
            Error::Bucket { refusal, .. } => *refusal,
            other => panic!("{other:?}"),
        }
    });
    let first = refusals.next().expect("there are three");
    assert!(refusals.all(|it| it == first), "{errors:?}");
    first
}

fn world() -> World {
    let mut world = World::new();
    world.find(&customers(0..3));
    world
}

fn in_bucket(world: &mut World, url: &str, environment: &[(&str, &str)]) {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    world.settings.path = Some(location(url));
    world.settings.cloud = cloud(&environment);
}

#[test]
fn a_bucket_that_is_not_there() {
    for storage in Storage::of_each_cloud() {
        let mut world = world();
        storage.hosts(&mut world);
        let nowhere = storage.place("/lake").replace(BUCKET, "nobody");
        world.settings.path = Some(location(&nowhere));
        assert_eq!(refusal(&world), Refusal::Missing);
        assert_eq!(
            world.try_publish().expect_err("refused").exit(),
            Exit::CannotWrite
        );
    }
}

/// This world's lake in a storage that checks signatures, for who has these credentials.
fn guarded(storage: &Storage, world: &mut World, key: &str, secret: &str) {
    storage.hosts(world);
    let mut environment = storage.environment();
    environment.push(("AWS_ACCESS_KEY_ID".to_owned(), key.to_owned()));
    environment.push(("AWS_SECRET_ACCESS_KEY".to_owned(), secret.to_owned()));
    world.settings.cloud = cloud(&environment);
}

#[test]
fn wrong_credentials() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let keys = storage.order("guarded");
    let (key, secret) = keys.split_once(' ').expect("a key and its secret");
    let mut world = world();
    guarded(&storage, &mut world, key, CANARY);
    assert_eq!(refusal(&world), Refusal::Forbidden);
    guarded(&storage, &mut world, "AKIAAAAAAAAAAAAAAAAA", CANARY);
    assert_eq!(refusal(&world), Refusal::Forbidden);
    guarded(&storage, &mut world, key, secret);
    world.publish();
    assert_eq!(world.verify(), []);
}

#[test]
fn a_service_account_that_is_not_known() {
    let Some(storage) = Storage::start_google() else {
        return;
    };
    let mut world = world();
    storage.hosts(&mut world);
    world.publish();
    // From now on it is another account's.
    storage.order("google");
    assert_eq!(refusal(&world), Refusal::Forbidden);
}

#[test]
fn a_service_account_that_is_none() {
    let half = format!(r#"{{"private_key": "{CANARY}"}}"#);
    let no_key = format!(
        r#"{{"private_key": "{CANARY}", "private_key_id": "1", "client_email": "twsync@customers.example"}}"#
    );
    // The canary in other letters: who quotes it says what was meant, and not what was written.
    let no_object = format!(r#""\u0063{}""#, &CANARY[1..]);
    for key in [CANARY, &half, &no_key, &no_object] {
        let mut world = world();
        let environment = [("GOOGLE_SERVICE_ACCOUNT_KEY", key)];
        in_bucket(&mut world, "gs://customers/lake", &environment);
        assert_eq!(refusal(&world), Refusal::Settings);
        let error = world.try_publish().expect_err("refused");
        let said = in_one_line(&error);
        assert!(
            said.contains("service account") || said.contains("pem"),
            "{said}"
        );
    }
}

#[test]
fn credentials_that_may_only_read() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world();
    storage.hosts(&mut world);
    world.publish();
    world.find(&[with_members(1, 99)]);
    let before = storage.manifest();
    storage.order("refuse manifest.json");
    let error = world.try_publish().expect_err("it can't be put");
    assert!(
        matches!(
            error,
            Error::Bucket {
                refusal: Refusal::Forbidden,
                ..
            }
        ),
        "{error:?}"
    );
    storage.order("well");
    assert_eq!(storage.manifest(), before);
    storage.order("refuse twsync-trial");
    let error = lake::check(&world.settings).expect_err("it is known before a run");
    assert!(
        error.to_string().contains("403 Forbidden: AccessDenied"),
        "{error}"
    );
}

#[test]
fn nobody_answers() {
    // A port that nobody listens on.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut world = world();
    in_bucket(
        &mut world,
        "s3://customers/lake",
        &[
            ("AWS_ACCESS_KEY_ID", "anybody"),
            ("AWS_SECRET_ACCESS_KEY", CANARY),
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_ALLOW_HTTP", "true"),
        ],
    );
    assert_eq!(refusal(&world), Refusal::Unreachable);
    let error = world.try_publish().expect_err("nobody is there");
    assert!(error.may_pass());
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn an_endpoint_that_is_no_address() {
    for (url, variable, secret) in [
        (
            "s3://customers/lake",
            "AWS_ENDPOINT_URL",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            "gs://customers/lake",
            "GOOGLE_BASE_URL",
            "GOOGLE_BEARER_TOKEN",
        ),
    ] {
        for endpoint in ["localhost:9000", "http//storage", "storage.example.com"] {
            let mut world = world();
            let environment = [
                ("AWS_ACCESS_KEY_ID", "anybody"),
                (secret, CANARY),
                (variable, endpoint),
            ];
            in_bucket(&mut world, url, &environment);
            assert_eq!(refusal(&world), Refusal::Settings, "{endpoint}");
            let error = world.try_publish().expect_err("refused");
            assert_eq!(error.exit(), Exit::Config);
            assert!(error.to_string().contains(variable), "{error}");
        }
    }
}

#[test]
fn half_of_the_credentials() {
    let mut world = world();
    in_bucket(
        &mut world,
        "s3://customers/lake",
        &[("AWS_SECRET_ACCESS_KEY", CANARY)],
    );
    assert_eq!(refusal(&world), Refusal::Settings);
    assert_eq!(
        world.try_publish().expect_err("refused").exit(),
        Exit::Config
    );
}

#[test]
fn a_storage_that_overwrites_what_it_should_not() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world();
    storage.hosts(&mut world);
    for condition in ["If-None-Match", "If-Match"] {
        storage.order(&format!("careless {condition}"));
        let error = lake::check(&world.settings).expect_err(condition);
        assert!(matches!(error, Error::Unguarded { .. }), "{error:?}");
        storage.order("well");
        assert!(storage.objects().is_empty(), "the trial is gone");
    }
    lake::check(&world.settings).expect("it is a place for a lake");
    assert!(storage.objects().is_empty(), "the trial is gone");
}

#[test]
fn two_who_try_a_bucket_at_the_same_time_do_not_blame_it() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world();
    storage.hosts(&mut world);
    std::thread::scope(|scope| {
        let tries = || (0..20).try_for_each(|_| lake::check(&world.settings));
        let others = [scope.spawn(tries), scope.spawn(tries)];
        for other in others {
            other.join().expect("it ends").expect("a place for a lake");
        }
    });
    assert!(storage.objects().is_empty(), "the trials are gone");
}

#[test]
fn a_file_that_may_not_be_read_is_not_called_missing() {
    let Some(storage) = Storage::start() else {
        return;
    };
    let mut world = world();
    storage.hosts(&mut world);
    world.publish();
    let [file, ..] = &named(&storage.manifest())[..] else {
        panic!("there are files");
    };
    storage.order(&format!("withhold {file}"));
    let mirror = world.folder().join("mirror.db");
    let error = lake::verify(&world.settings, &mirror).expect_err("nothing is known of it");
    assert!(matches!(error, Error::Bucket { .. }), "{error:?}");
    storage.order("well");
    assert_eq!(world.verify(), []);
}
