//! Credentials: shown to one server only, read anew where they were refused.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use twsync::api::Answer;
use twsync::report::Exit;

use super::server::{Server, empty_page, say};
use super::*;

fn write_secret(path: &Path, secret: &str) {
    std::fs::write(path, secret).expect("written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("set");
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_leaks_nothing() {
    let thief = Arc::new(Server::start(|_, _| empty_page()));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/s3cret", thief.origin());
        let server = Server::start(move |_, _| say(status, &location, ""));
        let mut setup = Setup::with(&server);
        setup.api.credentials = Some(key_pair());
        let client = setup.client();
        let list = first_page(&client).await.expect_err("a redirect");
        assert_eq!(list.exit(), Exit::NotThisApi);
        let details = client.customer(id(1)).await.expect("that one's matter");
        let Answer::Failed(details) = details.answer else {
            panic!("{details:?}")
        };
        let alien = client.alien().expect("what ends the run").to_owned();
        for said in [list.to_string(), details, alien] {
            let target = format!("{}/[secret]", thief.origin());
            assert!(said.contains(&target), "{said}");
        }
        assert_eq!(server.log().len(), 2);
    }
    assert_eq!(thief.log().len(), 0);
}

#[tokio::test]
async fn a_refusal_at_the_start_ends_at_once() {
    let server = Server::start(|_, _| say(401, "x-error: bad tok3n", ""));
    let error = first_page(&Setup::with(&server).client()).await;
    let error = error.expect_err("refused");
    assert_eq!(error.exit(), Exit::Refused);
    assert!(error.to_string().contains("“bad [secret]”"), "{error}");
    assert!(!format!("{error:?}").contains("tok3n"));
    assert_eq!(server.log().len(), 1);
}

#[tokio::test]
async fn a_secret_that_was_rotated_is_taken_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    write_secret(&path, "old\n");
    let rotated = path.clone();
    let server = Server::start(move |nth, request| {
        match request.headers["authorization"].as_str() {
            "Bearer old" if nth == 1 => {
                // Rotated while the request was on its way.
                write_secret(&rotated, "new\n");
                say(401, "x-error: expired", "")
            }
            "Bearer new" => empty_page(),
            _ => say(401, "", ""),
        }
    });
    let mut setup = Setup::with(&server);
    setup.api.credentials = Some(config::Credentials::Bearer(SecretSource::File(path)));
    let client = setup.client();
    first_page(&client)
        .await
        .expect("a page, with the new token");
    assert_eq!(client.tally().retries, 1);
}

#[tokio::test]
async fn a_refusal_in_mid_walk_is_asked_once_more_and_then_ends() {
    let server = Server::start(|nth, _| match nth {
        1 | 3 => empty_page(),
        _ => say(401, "", ""),
    });
    let client = Setup::with(&server).client();
    first_page(&client).await.expect("a page");
    first_page(&client)
        .await
        .expect("a page, at the second try");
    let error = first_page(&client).await.expect_err("refused twice");
    assert_eq!(error.exit(), Exit::Refused);
    assert_eq!(server.log().len(), 5);
}

#[tokio::test]
async fn a_401_on_one_customer_is_an_answer_of_which_nobody_knows_what_it_is_about() {
    let server = Server::start(|_, _| say(401, "", ""));
    let details = Setup::with(&server).client().customer(id(1)).await;
    let answer = details.expect("an answer").answer;
    assert!(matches!(answer, Answer::Refused(said) if said.contains("401")));
}

#[tokio::test]
async fn settings_that_cannot_work_are_found_before_any_request() {
    let server = Server::start(|_, _| empty_page());
    let mut setup = Setup::with(&server);
    setup.api.credentials = None;
    let error = setup.try_client().err().expect("no credentials");
    assert_eq!(error.exit(), Exit::Config);
    assert_eq!(server.log().len(), 0);
}
