//! Credentials that are refused, renewed or another's, and where they must never be shown.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::json;
use twsync::config::{Credentials, SecretSource};
use twsync::report::{Exit, Grade, Outcome};
use twsync::sandbox::{Action, On, Options, Rule, TOKEN, World};

use crate::program::{contents, holds};
use crate::shell::{Shell, ended};
use crate::support::Copying;

/// Lets the copy read its token from a file, which may be written again.
fn from_a_file(copying: &mut Copying) -> PathBuf {
    let path = copying.folder.path().join("token");
    write(&path, TOKEN);
    copying.config.api.credentials = Some(Credentials::Bearer(SecretSource::File(path.clone())));
    path
}

fn write(path: &std::path::Path, token: &str) {
    std::fs::write(path, token).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The server takes this token and no other from now on.
fn takes_only(copying: &Copying, token: &str) {
    let token = token.to_owned();
    copying
        .sandbox
        .change(|options| options.access.tokens = vec![token]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_anything_but_loopback_is_refused() {
    for base in [
        "http://apis.threatwinds.com/",
        "http://localhost.evil.example/",
        "http://10.0.0.1/",
    ] {
        let shell = Shell::of(3).await;
        let mut command = shell.command(&["--once"]);
        command.env("TWSYNC_API__BASE_URL", base);
        ended(command).await.exits(78).says("https://");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_at_the_start_ends_at_once() {
    let copying = Copying::of(120).await;
    takes_only(&copying, "another");
    let ran = copying.run().await;
    assert_eq!((ran.lists, ran.details), (1, 0));
    let said = ran.failed(Exit::Refused);
    assert!(said.contains("401") && !said.contains(TOKEN), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_mid_walk_ends_after_one_more_try_and_the_ledger_stays() {
    let copying = Copying::of(450).await;
    let refused = copying.fault(Rule::on(On::Page(4)).does(Action::status(401)));
    let ran = copying.run().await;
    ran.failed(Exit::Refused);
    assert_eq!(refused.struck(), 2, "with the credentials read anew, once");
    assert_eq!(
        copying.number("SELECT count(*) FROM walk_lists"),
        4,
        "pages 1, 2, 3 and 5"
    );
    refused.lift();
    let ran = copying.run().await.ok();
    assert_eq!(ran.lists, 2, "page 4, and page 1 for the proof");
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_renewed_in_mid_walk_is_taken_up() {
    let mut copying = Copying::of(120).await;
    let path = from_a_file(&mut copying);
    let (sandbox, handle) = (copying.sandbox.clone(), path.clone());
    // Revoked and renewed while the second page is on its way.
    let renew = Action::before(move |_| {
        sandbox.change(|options| options.access.tokens = vec!["renewed".to_owned()]);
        write(&handle, "renewed\n");
    });
    copying.fault(Rule::on(On::Page(2)).nth(1).does(renew));
    let ran = copying.run().await.ok();
    assert_eq!(copying.sandbox.requests().status(401), 1);
    assert_eq!(ran.report.grade, Some(Grade::Complete));
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_looked_up_for_each_attempt() {
    let mut copying = Copying::of(120).await;
    let path = from_a_file(&mut copying);
    let sandbox = copying.sandbox.clone();
    // Both are changed while nothing is in the air: whoever had kept the old one would be refused.
    let rotate = Action::after(move |_| {
        sandbox.change(|options| options.access.tokens = vec!["rotated".to_owned()]);
        write(&path, "rotated");
    });
    copying.fault(Rule::on(On::Page(1)).nth(1).does(rotate));
    copying.run().await.ok();
    assert_eq!(copying.sandbox.requests().status(401), 0);
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_on_the_list_ends_the_run() {
    let copying = Copying::of(120).await;
    copying.run().await.ok();
    copying
        .sandbox
        .change(|options| options.access.roles.clear());
    let ran = copying.run().await;
    assert_eq!(ran.lists, 1);
    let said = ran.failed(Exit::Refused);
    assert!(said.contains("billing_admin role required"), "{said}");
    copying.assert_mirror_equals_world();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_customer_that_is_forbidden_is_kept_as_inaccessible() {
    let copying = Copying::of(120).await;
    let id = copying.world().listed_ids()[3];
    let forbidden = copying.fault(Rule::on(On::Customer(id)).does(Action::status(403)));
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.inaccessible, ran.report.counts.added),
        (1, 120)
    );
    assert_eq!(copying.living().len(), 120);
    // Known already, changed, and then forbidden: kept, with what the list says of it.
    forbidden.lift();
    copying.run().await.ok();
    copying.world().set_tier(id, "Adversary Pro");
    copying.fault(Rule::on(On::Customer(id)).does(Action::status(403)));
    let ran = copying.run().await.ok();
    assert_eq!(
        (ran.report.counts.inaccessible, ran.report.counts.deleted),
        (1, 0)
    );
    let tier = format!("SELECT tier_name FROM customers WHERE id = '{id}'");
    assert_eq!(copying.text(&tier).as_deref(), Some("Adversary Pro"));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_suddenly_shrink_are_a_hold() {
    let copying = Copying::of(250).await;
    copying.run().await.ok();
    for id in copying.world().listed_ids().into_iter().skip(20) {
        copying.world().delete(id);
    }
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Held));
    assert_eq!(
        (ran.report.counts.held, ran.report.counts.deleted),
        (230, 0)
    );
    assert_eq!(copying.living().len(), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_key_meets_an_old_mirror_and_is_a_hold() {
    let mut copying = Copying::of(120).await;
    copying.run().await.ok();
    let ours = copying.living();
    let other = Copying::from(Options {
        world: World::new(99, 50),
        ..Options::default()
    })
    .await;
    copying.config.api.base_url = other.config.api.base_url.clone();
    let ran = copying.run().await.ok();
    assert_eq!(ran.report.outcome, Some(Outcome::Held));
    assert_eq!(
        (ran.report.counts.held, ran.report.counts.deleted),
        (120, 0)
    );
    let still = copying.living();
    assert!(ours.iter().all(|customer| still.contains(customer)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_server_echoes_is_masked() {
    let secret = "tok-5e9d3c1b";
    let refused = |header, words: &str| {
        let echo = Action::set_header(header, &format!("{words}{secret}"));
        vec![Action::status(403), echo]
    };
    let body = |status, words: String| vec![Action::raw(status, "application/json", words)];
    // Where words are cut, half of a secret must not be left over.
    let cut = format!(r#"{{"error":{{"code":["{}{secret}"]}}}}"#, "x".repeat(292));
    let error_id = format!(r#"{{"error":{{"message":"no","error_id":"{secret}"}}}}"#);
    for (echo, exit) in [
        (refused("x-error", "no such token: "), Exit::Refused),
        (refused("x-error-id", ""), Exit::Refused),
        (body(400, cut), Exit::NotThisApi),
        (body(403, error_id), Exit::Refused),
        (
            vec![Action::raw(200, &format!("text/{secret}"), "{}")],
            Exit::NotThisApi,
        ),
        (
            vec![Action::redirect(&format!("/?token={secret}"))],
            Exit::NotThisApi,
        ),
    ] {
        is_masked(secret, echo, exit).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_as_the_name_of_a_field_is_not_said() {
    // A short one stays in the data, which may hold it by chance, but nobody is told it either.
    for secret in [TOKEN, "tok-5e9"] {
        let mut copying = Copying::of(3).await;
        let token = SecretSource::Inline(SecretString::from(secret));
        copying.config.api.credentials = Some(Credentials::Bearer(token));
        takes_only(&copying, secret);
        let echo = Action::edit(move |json| {
            json["customers"][0][secret] = json!(1);
            json["customers"][1][secret] = json!("x".repeat(70_000));
        });
        copying.fault(Rule::on(On::List).does(echo));
        let id = copying.world().listed_ids()[2];
        let of_details = Action::edit(move |json| json[secret] = json!("x".repeat(70_000)));
        copying.fault(Rule::on(On::Customer(id)).does(of_details));
        let ran = copying.run().await.ok();
        ran.warned("[secret]");
        assert!(!format!("{:?}", ran.warnings).contains(secret));
        assert!(copying.number("SELECT count(*) FROM rejected") >= 2);
        let told = "SELECT count(*) FROM rejected WHERE why NOT LIKE '%`[secret]`%'";
        assert_eq!(copying.number(told), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_server_writes_into_its_data_is_kept_nowhere() {
    is_kept_nowhere(TOKEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_server_writes_with_escapes_is_kept_nowhere() {
    is_kept_nowhere("s\\u0061ndbox\\u002Dtoken").await;
}

/// A server that writes the token into its JSON so.
async fn is_kept_nowhere(spelled: &'static str) {
    let shell = Shell::of(3).await;
    let written = || {
        Action::edit(|json| {
            let details = json.get("id").is_some();
            let customer = if details {
                &mut json["name"]
            } else {
                // Too long for what is not understood, so that it is kept aside as it came.
                json["customers"][1]["note"] = json!(format!("{TOKEN}{}", "x".repeat(70_000)));
                &mut json["customers"][0]["name"]
            };
            *customer = json!(format!("ACME {TOKEN}"));
        })
    };
    let spell = || {
        Action::rewrite(move |body| {
            let body = String::from_utf8(body).unwrap();
            body.replace(TOKEN, spelled).into_bytes()
        })
    };
    let id = shell.sandbox.world().listed_ids()[0];
    shell.fault(Rule::on(On::List).does(written()).does(spell()));
    shell.fault(Rule::on(On::Customer(id)).does(written()).does(spell()));
    let ran = shell.run(&["--once", "-vv"]).await.exits(0);
    let told = ran.stderr.matches("sends the credentials back").count();
    assert_eq!(told, 1, "{}", ran.stderr);
    let history = shell.run(&["history", &id.to_string()]).await.exits(0);
    assert!(
        history.stdout.contains("ACME [secret]"),
        "{}",
        history.stdout
    );
    for said in [ran, history] {
        said.assert_hides(TOKEN);
    }
    assert_eq!(
        shell.number("SELECT count(*) FROM customers WHERE name = 'ACME [secret]'"),
        1
    );
    assert_eq!(shell.number("SELECT count(*) FROM rejected"), 1);
    let left = contents(&shell.path(""));
    assert!(!holds(&left, TOKEN) && !holds(&left, spelled));
}

/// A run that ends because of this answer, in which the server says what it was shown.
async fn is_masked(secret: &str, echo: Vec<Action>, exit: Exit) {
    let mut copying = Copying::of(3).await;
    let source = SecretSource::Inline(SecretString::from(secret));
    copying.config.api.credentials = Some(Credentials::Bearer(source));
    let rule = echo.into_iter().fold(Rule::on(On::List), Rule::does);
    copying.fault(rule);
    let ran = copying.run().await;
    let said = ran.failed(exit);
    assert!(said.contains("[secret]") || said.contains("xxx"), "{said}");
    for told in [
        said,
        format!("{:?}", ran.error),
        format!("{:?}", ran.report),
        ran.error.unwrap().hint(),
        copying.text("SELECT reason FROM runs").unwrap(),
    ] {
        assert!(!told.contains(&secret[..6]), "{told}");
    }
}
