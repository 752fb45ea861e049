use super::*;

fn person(username: Option<&str>, email: Option<&str>) -> Person {
    Person {
        issuer: "https://id.acme.example".to_owned(),
        subject: "4711".to_owned(),
        email: email.map(str::to_owned),
        email_verified: true,
        name: None,
        username: username.map(str::to_owned),
        groups: None,
    }
}

#[test]
fn a_name_is_made_of_what_the_provider_tells() {
    let name = |username, email| {
        let name = account_name(&person(username, email));
        name.map(|name| name.to_string())
    };
    for (username, email, expected) in [
        (Some("alice"), Some("other@acme.example"), Some("alice")),
        (Some("Alice.B@acme.example"), None, Some("alice.b")),
        (Some(r"ACME\alice"), None, Some("acme-alice")),
        (Some("Ana María"), None, Some("ana-mar-a")),
        (None, Some("bob+x@acme.example"), Some("bob-x")),
        (Some("--"), Some("carol@acme.example"), Some("carol")),
        (Some("李"), None, None),
        (None, None, None),
    ] {
        assert_eq!(
            name(username, email).as_deref(),
            expected,
            "{username:?} {email:?}"
        );
    }
    assert_eq!(name(Some(&"a".repeat(80)), None).unwrap().len(), 64);
}

/// I7 (no open redirect).
#[test]
fn a_browser_is_sent_to_our_own_pages_alone() {
    for good in ["/", "/acme", "/acme/crates/demo?q=a%20b#x", "/-/account"] {
        assert_eq!(own_path(good), good);
    }
    for bad in [
        "",
        "acme",
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        r"/\evil.example/",
        r"\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example/",
        " //evil.example",
        "/a b",
        "/.//evil.example",
        "/..//evil.example",
        "/%2e%2E//evil.example",
        "/x/..//evil.example",
        "javascript:alert(1)",
        "/é",
        &format!("/{}", "a".repeat(LONGEST_RETURN_TO)),
    ] {
        assert_eq!(own_path(bad), "/", "{bad:?}");
    }
}

#[test]
fn groups_govern_the_roles_that_settings_name() {
    use InstanceRole::{Admin, Creator, Member};
    let settings = |admins: &[&str], creators: &[&str]| SignOnSettings {
        provider: Provider {
            issuer: "https://id.acme.example".parse().unwrap(),
            client_id: String::new(),
            client_secret: None,
            scopes: Vec::new(),
            groups_claim: None,
        },
        label: String::new(),
        teams: Vec::new(),
        admins: admins.iter().map(|&group| group.to_owned()).collect(),
        creators: creators.iter().map(|&group| group.to_owned()).collect(),
        make_accounts: true,
    };
    for (admins, creators, now, groups, then) in [
        (&["root"][..], &[][..], Member, &["root"][..], Admin),
        (&["root"], &[], Admin, &["other"], Member),
        (&["root"], &[], Creator, &["other"], Creator),
        (&["root"], &["dev"], Admin, &["dev"], Creator),
        (&[], &["dev"], Admin, &[], Admin),
        (&[], &["dev"], Creator, &[], Member),
        (&[], &[], Creator, &["root"], Creator),
    ] {
        let groups: Vec<_> = groups.iter().map(|&group| group.to_owned()).collect();
        let role = settings(admins, creators).role(now, &groups);
        assert_eq!(role, then, "{admins:?} {creators:?} {now} {groups:?}");
    }
}

#[test]
fn hexadecimal_digits_are_read_as_they_were_written() {
    let bytes: Vec<_> = (0..=255).collect();
    assert_eq!(unhex(&hex(&bytes)), Some(bytes));
    for bad in ["0", "0g", "é"] {
        assert_eq!(unhex(bad), None, "{bad}");
    }
}
