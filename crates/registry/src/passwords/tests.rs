//! What somebody learns who tries passwords, and what that costs the server.

use std::fmt::Write as _;

use supercargo_store::{AuditEntry, AuditFilter, AuditOutcome, NewPrincipal};
use supercargo_types::{InstanceRole, Timestamp};

use super::*;
use crate::{TooMany, trial};

const RIGHT: &str = "tulip brook 17 lantern";

fn account(name: &str, password_hash: Option<String>) -> NewPrincipal {
    NewPrincipal {
        kind: PrincipalKind::User,
        name: name.parse().unwrap(),
        email: None,
        password_hash,
        instance_role: InstanceRole::Member,
        registry_id: None,
        now: Timestamp::from_seconds(1),
    }
}

fn audit(instance: &Instance) -> AuditEntry {
    instance.audit("account.created", None, &Caller::default())
}

async fn make(instance: &Instance, name: &str, password_hash: Option<String>) -> i64 {
    let new = account(name, password_hash);
    let audit = audit(instance);
    let made = instance.store.create_principal(&new, &audit).await;
    match made.unwrap() {
        supercargo_store::Created::Done(id) => id,
        supercargo_store::Created::Taken(name) => panic!("`{name}` is taken"),
    }
}

impl Passwords {
    fn take_looks(&self) -> Vec<String> {
        std::mem::take(&mut *self.looks.lock().unwrap())
    }
}

async fn right(instance: &Instance) -> Option<String> {
    let password = Password::new(RIGHT);
    let hash = instance.passwords.hash(&password, [7; SALT]);
    Some(hash.await.unwrap())
}

/// I7 (local passwords). The attack is a stranger who finds out which accounts there are, by words, statuses or time.
#[tokio::test]
async fn whatever_is_wrong_costs_the_same_work_and_gets_the_same_words() {
    let folder = tempfile::tempdir().unwrap();
    let instance = trial::instance(folder.path()).await;
    make(&instance, "alice", right(&instance).await).await;
    make(&instance, "bob", None).await;
    let carol = make(&instance, "carol", right(&instance).await).await;
    let dave = make(&instance, "dave", right(&instance).await).await;
    let now = Timestamp::from_seconds(2);
    let disabled = supercargo_store::AccountChange {
        disabled: Some(true),
        ..Default::default()
    };
    let store = &instance.store;
    let log = audit(&instance);
    let disabled = store.change_account(carol, &disabled, now, &log).await;
    disabled.unwrap();
    store.delete_account(dave, now, &log).await.unwrap();

    let caller = Caller::default();
    let mut said = Vec::new();
    for (name, password) in [
        ("alice", "another one entirely"),
        ("alice", ""),
        ("bob", RIGHT),
        ("carol", RIGHT),
        ("dave", RIGHT),
        ("nobody", RIGHT),
        ("service:ci", RIGHT),
        ("Not a name", RIGHT),
    ] {
        let password = Password::new(password);
        let tried = instance.check_password(name, &password, &caller);
        let Err(Failure::Denied(denied)) = tried.await else {
            panic!("`{name}` came in, or was refused in another way");
        };
        said.push(format!("{}: {}", denied.code(), denied.sentence(None)));
        let looks = instance.passwords.take_looks();
        assert_eq!(looks, ["argon2id m=19456,t=2,p=1"], "for `{name}`");
    }
    said.dedup();
    insta::assert_snapshot!(said.join("\n"), @"bad-password: no account has this name and this password; type both again, or ask an instance admin to give you another password");

    let right = Password::new(RIGHT);
    let alice = instance.check_password("alice", &right, &caller);
    assert_eq!(alice.await.unwrap().principal().to_string(), "alice");
    assert_eq!(instance.passwords.take_looks().len(), 1);

    instance.write_denials().await;
    let filter = AuditFilter {
        outcome: Some(AuditOutcome::Denied),
        ..AuditFilter::default()
    };
    let denied = instance.store.list_audit(&filter, 20, None).await.unwrap();
    let mut told: Vec<_> = denied
        .iter()
        .map(|row| {
            let detail = row.entry.detail.as_deref().unwrap();
            assert_eq!(row.entry.principal, None, "nobody has proven who they are");
            format!("{}: {detail}", row.entry.action)
        })
        .collect();
    told.sort();
    told.dedup();
    // five of one address within a minute, and of the others only how many they are
    assert!(!told.is_empty() && told.len() <= 5, "{told:?}");
    for line in &told {
        assert!(
            line.starts_with("sign_in.denied: bad-password: as `"),
            "{line}"
        );
    }
}

/// The attack is a stolen database: what was hashed when machines were slower is hashed again as soon as it can be.
#[tokio::test]
async fn a_password_that_was_hashed_with_less_work_is_hashed_again() {
    let folder = tempfile::tempdir().unwrap();
    let instance = trial::instance(folder.path()).await;
    let weak = Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(64, 1, 1, None).unwrap(),
    );
    let weak = weak.hash_password_with_salt(RIGHT.as_bytes(), &[1; SALT]);
    let weak = weak.unwrap().to_string();
    assert!(is_outgrown(&weak));
    make(&instance, "alice", Some(weak.clone())).await;
    let stored = async || {
        let alice = "alice".parse().unwrap();
        let stored = instance.store.password_of(&alice).await.unwrap();
        stored.unwrap().1.unwrap()
    };
    let caller = Caller::default();
    let wrong = Password::new("another one entirely");
    let wrong = instance.check_password("alice", &wrong, &caller).await;
    assert!(wrong.is_err());
    assert_eq!(stored().await, weak, "whoever is wrong changes nothing");
    let right = Password::new(RIGHT);
    let known = instance.check_password("alice", &right, &caller).await;
    let renewed = stored().await;
    assert_eq!(known.unwrap().password_hash, renewed);
    assert!(!is_outgrown(&renewed), "{renewed}");
    assert_eq!(cost(&renewed), "argon2id m=19456,t=2,p=1");
    instance
        .check_password("alice", &right, &caller)
        .await
        .unwrap();
    assert_eq!(stored().await, renewed, "once is enough");
}

/// The attack is a flood of passwords, each of which takes 19 MiB and some hundredths of a second.
#[tokio::test]
async fn only_so_many_passwords_are_looked_at_at_once_and_only_so_many_wait() {
    let passwords = Arc::new(Passwords::new());
    let places = u32::try_from(AT_ONCE).unwrap();
    let all = passwords.places.clone().acquire_many_owned(places);
    let all = all.await.unwrap();
    let wait = || {
        let passwords = passwords.clone();
        tokio::spawn(async move { passwords.work(|| 1).await })
    };
    let waiting: Vec<_> = (0..WAITING).map(|_| wait()).collect();
    while passwords.waiting.load(Ordering::SeqCst) < WAITING {
        tokio::task::yield_now().await;
    }
    let refused = wait().await.unwrap();
    let Err(Failure::Refused(refused)) = refused else {
        panic!("one more waits");
    };
    assert_eq!(refused.code(), "too-many-sign-ins");
    drop(all);
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap(), 1);
    }
    assert_eq!(passwords.waiting.load(Ordering::SeqCst), 0);
    assert_eq!(passwords.places.available_permits(), AT_ONCE);
}

/// Whoever is kept off by a limit does not even cost a look.
#[tokio::test]
async fn who_has_guessed_too_often_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let instance = trial::instance(folder.path()).await;
    make(&instance, "alice", right(&instance).await).await;
    let caller = Caller {
        address: Some("192.0.2.7".to_owned()),
        ..Caller::default()
    };
    let wrong = Password::new("another one entirely");
    let mut looks = 0;
    let refused = loop {
        match instance.check_password("alice", &wrong, &caller).await {
            Err(Failure::Denied(Denied::BadPassword)) => looks += 1,
            other => break other,
        }
        assert!(looks < 100, "nobody is ever kept off");
    };
    let Err(Failure::Refused(refused)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        matches!(*refused, Refusal::TooMany(TooMany::SignIns { .. })),
        "{refused}"
    );
    assert_eq!(instance.passwords.take_looks().len(), looks);
    let right = Password::new(RIGHT);
    let kept_off = instance.check_password("alice", &right, &caller).await;
    assert!(matches!(kept_off, Err(Failure::Refused(_))));
    assert!(instance.passwords.take_looks().is_empty());
}

#[test]
fn nobodys_password_costs_what_others_cost_and_is_never_right() {
    let hash = PasswordHash::new(NOBODYS).unwrap();
    assert!(!is_outgrown(NOBODYS));
    assert_eq!(cost(NOBODYS), "argon2id m=19456,t=2,p=1");
    assert_eq!(hash.salt.unwrap().len(), SALT);
    assert_eq!(hash.hash.unwrap().len(), 32);
    for text in ["", RIGHT] {
        let looked = argon2().verify_password(text.as_bytes(), NOBODYS);
        assert!(looked.is_err());
    }
}

/// I7 (local passwords).
#[test]
fn what_cannot_be_a_password_is_refused_with_what_to_do() {
    let name = "alice-example".parse().unwrap();
    let email = Some("alice.adams@acme.example");
    let mut said = String::new();
    for text in [
        "short".to_owned(),
        "ninechars".to_owned(),
        "ä".repeat(513),
        "Alice-Example".to_owned(),
        "alice-example1!".to_owned(),
        "alice.adams@ACME.example".to_owned(),
        "alice.adams".to_owned(),
        "Password2026!".to_owned(),
        "qwertyuiop".to_owned(),
    ] {
        let refused = check(&Password::new(text.clone()), &name, email).unwrap_err();
        assert!(!refused.to_string().contains(&text), "{refused}");
        writeln!(said, "{refused}").unwrap();
    }
    insta::assert_snapshot!(said, @"
    a password has at least 10 characters; several words are easy to remember
    a password has at least 10 characters; several words are easy to remember
    a password has at most 1024 bytes; take a shorter one
    a password that is the account's name or e-mail address is the first that is tried; take another one
    a password that is the account's name or e-mail address is the first that is tried; take another one
    a password that is the account's name or e-mail address is the first that is tried; take another one
    a password that is the account's name or e-mail address is the first that is tried; take another one
    this password is one of those that are tried first; take another one
    this password is one of those that are tried first; take another one
    ");
    let longest: String = (0..)
        .flat_map(|number: u32| number.to_string().chars().collect::<Vec<_>>())
        .take(LONGEST)
        .collect();
    for text in ["ten chars!", RIGHT, &longest] {
        check(&Password::new(text), &name, email).unwrap();
    }
}
