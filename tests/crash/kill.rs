//! Killed with -9, at moments that nobody chose.

use std::time::{Duration, Instant};

use twsync::sandbox::{Latency, Options, Sandbox, World};

use super::copy::{Copy, IN_FLIGHT_MAX, sound};

/// Many may have left since the last run that came to its end.
const RELEASED: [&str; 2] = ["--allow-deletions", "1000"];

/// At any moment of its life, which may be while it publishes.
#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_at_any_moment_of_later_runs_loses_nothing() {
    let copy = Copy::of(World::new(31, 300)).await;
    copy.once_to_the_end(&[]).await;
    let world = copy.sandbox.world();
    world.churn(1, 5);
    let began = Instant::now();
    copy.once_to_the_end(&[]).await;
    let whole_life = began.elapsed();

    let mut random = fastrand::Rng::with_seed(4);
    let (mut killed, mut killed_publishing) = (0, 0);
    for round in 0..40 {
        world.churn(2 + round, 5);
        let command = copy.command(&["-qq", "--once", RELEASED[0], RELEASED[1]]);
        let mut child = tokio::process::Command::from(command).spawn().unwrap();
        tokio::select! {
            // Not to wait for anything: the moment is to be any.
            () = tokio::time::sleep(whole_life.mul_f64(random.f64())) => {
                child.kill().await.unwrap();
                killed += 1;
                killed_publishing += u32::from(copy.stands().1);
            }
            status = child.wait() => assert!(status.unwrap().success()),
        }
        sound(&copy.mirror());
        if copy.lake().join("manifest.json").exists() {
            let status = tokio::process::Command::from(copy.command(&["-qq", "verify"])).status();
            assert!(
                status.await.unwrap().success(),
                "a lake of another time than the mirror"
            );
        }
    }
    assert!(
        killed >= 10 && killed_publishing >= 1,
        "killed {killed} times, and {killed_publishing} times while it was publishing"
    );
    // One ends what the last death left, and speaks of that time; the next looks anew.
    copy.once_to_the_end(&RELEASED).await;
    copy.once_to_the_end(&RELEASED).await;
    let held = copy.holds().await;
    let mut living = 0;
    world.each(|customer| {
        living += 1;
        assert!(held.customers.contains_key(&customer.id.to_string()));
    });
    let kept = "SELECT count(*) FROM customers WHERE deleted_at IS NULL";
    let kept: i64 = sound(&copy.mirror())
        .query_row(kept, [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, living);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_at_random_loses_nothing() {
    let world = World::new(29, 400);
    let latency = Latency::Jittered {
        from: Duration::ZERO,
        to: Duration::from_millis(6),
    };
    let options = Options {
        world,
        latency,
        ..Options::default()
    };
    let copy = Copy {
        sandbox: Sandbox::start(options).await.unwrap(),
        folder: tempfile::tempdir().unwrap(),
        reverify_max: 0,
    };
    let mut random = fastrand::Rng::with_seed(3);
    let mut kills = 0;
    loop {
        let command = copy.command(&["-qq", "--once"]);
        let mut child = tokio::process::Command::from(command).spawn().unwrap();
        let seen = copy.requests();
        // Killed after so many more requests, whatever it is doing then, or never.
        let until = seen + random.u64(..70);
        let requests = copy.sandbox.requests();
        tokio::select! {
            () = requests.reached(until) => child.kill().await.unwrap(),
            status = child.wait() => {
                assert!(status.unwrap().success());
                break;
            }
        }
        kills += 1;
        if copy.mirror().exists() {
            sound(&copy.mirror());
        }
        assert!(kills < 200, "it never gets to the end");
    }
    assert!(kills >= 3, "it was killed only {kills} times");
    let whole = copy.holds().await;
    assert_eq!(whole.customers.len(), 400);
    assert!(whole.versions.values().all(|versions| versions.len() == 1));
    let most = 400 + 5 + kills * (IN_FLIGHT_MAX + 2);
    assert!(
        copy.requests() <= most,
        "{} requests after {kills} kills",
        copy.requests()
    );
}
