use std::{fs, path::Path, time::Duration};

use insta::assert_snapshot;

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let pair = |&(name, value): &(&str, &str)| (name.to_owned(), value.into());
    Environment(variables.iter().map(pair).collect())
}

fn flags(values: &[(&'static str, &str)]) -> Flags {
    let pair = |&(key, value): &(&'static str, &str)| (key, Some(value.to_owned()));
    Flags {
        config: None,
        values: values.iter().map(pair).collect(),
    }
}

/// A folder with `supercargo.toml`; sentences show it as `FOLDER`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("supercargo.toml"), text).unwrap();
        Self(folder)
    }

    fn flags(&self) -> Flags {
        Flags {
            config: Some(self.0.path().join("supercargo.toml")),
            values: Vec::new(),
        }
    }

    fn load(&self) -> Result<Configuration, ConfigurationError> {
        Configuration::load(&self.flags(), &Environment::default())
    }

    fn sentence(&self) -> String {
        let folder = self.0.path().display().to_string();
        self.load()
            .unwrap_err()
            .to_string()
            .replace(&folder, "FOLDER")
    }
}

fn refusal(variables: &[(&str, &str)]) -> String {
    let loaded = Configuration::load(&Flags::default(), &environment(variables));
    loaded.unwrap_err().to_string()
}

#[test]
fn without_any_configuration_the_defaults_of_the_contract_hold() {
    let configuration = Configuration::load(&Flags::default(), &Environment::default()).unwrap();
    assert_eq!(
        configuration.data.value,
        Path::new("./supercargo-data").to_owned()
    );
    assert_eq!(configuration.listen.value.to_string(), "127.0.0.1:22746");
    assert_eq!(
        configuration.site(configuration.listen.value).base(),
        "http://127.0.0.1:22746"
    );
    assert!(configuration.admin_token.is_none());
    assert_eq!(
        configuration.database.to_string(),
        "sqlite:./supercargo-data/supercargo.db"
    );
    assert_eq!(
        configuration.storage,
        Path::new("./supercargo-data/blobs").to_owned()
    );
    assert_eq!(
        configuration.secret_key_file,
        SecretKeyFile::InDataFolder("./supercargo-data/secret-key".into())
    );
    let seconds = |duration: Duration| duration.as_secs();
    assert_eq!(seconds(configuration.upstream.freshness), 60);
    assert_eq!(seconds(configuration.upstream.negative), 30);
    assert_eq!(seconds(configuration.upstream.stale_if_error), 30 * 86_400);
    assert_eq!(seconds(configuration.upstream.timeout), 30);
    assert!(configuration.upstream.allow_addresses.is_empty());
    assert!(configuration.upstream.read_ahead);
    assert_eq!(configuration.limits.crate_size, 64 << 20);
    assert_eq!(configuration.limits.unpacked_size, 512 << 20);
    assert_eq!(configuration.rates, Rates::default());
    assert_eq!(configuration.log.format, LogFormat::Text);
    assert!(configuration.warnings.is_empty());
}

#[test]
fn flags_beat_environment_beats_file_beats_default() {
    let folder = Folder::with("listen = \"127.0.0.1:1\"\ndata = \"from-file\"\n");
    let variables = environment(&[("SUPERCARGO_LISTEN", "127.0.0.1:2")]);
    let listen = |flags: &Flags, environment: &Environment| {
        let configuration = Configuration::load(flags, environment).unwrap();
        assert_eq!(configuration.data.value, Path::new("from-file").to_owned());
        configuration.listen
    };
    let mut given = folder.flags();
    let file = listen(&given, &Environment::default());
    assert_eq!(file.value.port(), 1);
    assert_eq!(
        file.origin,
        Origin::File(folder.0.path().join("supercargo.toml"))
    );
    let variable = listen(&given, &variables);
    assert_eq!(variable.value.port(), 2);
    assert_eq!(
        variable.origin,
        Origin::Environment("SUPERCARGO_LISTEN".to_owned())
    );
    given.values = flags(&[("listen", "127.0.0.1:3")]).values;
    let flag = listen(&given, &variables);
    assert_eq!(flag.value.port(), 3);
    assert_eq!(flag.origin, Origin::Flag("--listen".to_owned()));
}

#[test]
fn the_file_may_be_named_in_the_environment_and_a_flag_beats_it() {
    let [first, second] = ["data = \"first\"", "data = \"second\""].map(Folder::with);
    let path = first.0.path().join("supercargo.toml");
    let variables = environment(&[("SUPERCARGO_CONFIG", path.to_str().unwrap())]);
    let data = |flags: &Flags| Configuration::load(flags, &variables).unwrap().data.value;
    assert_eq!(data(&Flags::default()), Path::new("first").to_owned());
    assert_eq!(data(&second.flags()), Path::new("second").to_owned());
}

#[test]
fn every_key_has_a_variable_of_its_own_and_the_environment_reaches_all() {
    let configuration = Configuration::load(
        &Flags::default(),
        &environment(&[
            ("SUPERCARGO_UPSTREAM_FRESHNESS", "5m"),
            (
                "SUPERCARGO_UPSTREAM_ALLOW_ADDRESSES",
                "10.1.0.0/16, crates.partner.example",
            ),
            ("SUPERCARGO_LIMITS_CRATE_SIZE", "1000"),
            ("SUPERCARGO_PREVIOUS_PUBLIC_URLS", "http://old.example"),
            ("SUPERCARGO_PUBLIC_URL", "https://crates.acme.example/"),
            ("SUPERCARGO_DATABASE", ""),
        ]),
    )
    .unwrap();
    assert_eq!(configuration.upstream.freshness, Duration::from_mins(5));
    assert_eq!(
        configuration.upstream.allow_addresses,
        ["10.1.0.0/16", "crates.partner.example"]
    );
    assert_eq!(configuration.limits.crate_size, 1000);
    let site = configuration.site(configuration.listen.value);
    assert_eq!(site.base(), "https://crates.acme.example");
    assert!(site.recognise("http://old.example/main/index/").is_some());
}

#[test]
fn a_number_and_a_list_are_read_from_a_file_too() {
    let folder = Folder::with(
        "previous_public_urls = [\"http://old.example\"]\n[limits]\ncrate_size = 2048\n[tls]\n",
    );
    let configuration = folder.load().unwrap();
    assert_eq!(configuration.limits.crate_size, 2048);
    assert_eq!(configuration.previous_public_urls, ["http://old.example"]);
}

#[test]
fn a_switch_is_on_or_off() {
    for text in ["false", "\"false\""] {
        let folder = Folder::with(&format!("[upstream]\nread_ahead = {text}"));
        assert!(!folder.load().unwrap().upstream.read_ahead);
    }
    assert_snapshot!(
        refusal(&[("SUPERCARGO_UPSTREAM_READ_AHEAD", "maybe")]),
        @r#"`upstream.read_ahead` = "maybe" (from SUPERCARGO_UPSTREAM_READ_AHEAD) is neither on nor off; write `true` or `false`"#
    );
}

#[test]
fn a_rate_is_changed_or_switched_off() {
    let folder =
        Folder::with("[limits]\npublishes = 0\nsign_ins = \"\"\ntoken_guesses = \"5 then 2/m\"");
    let off = environment(&[
        ("SUPERCARGO_LIMITS_SIGN_INS_OF_ACCOUNT", "0"),
        ("SUPERCARGO_LIMITS_SIGN_INS_OF_ADDRESS", ""),
    ]);
    let rates = Configuration::load(&folder.flags(), &off).unwrap().rates;
    let expected = Rates {
        publishes: None,
        sign_ins: None,
        sign_ins_of_account: None,
        token_guesses: Some(Rate::each_minute(5, 2)),
        ..Rates::default()
    };
    assert_eq!(rates, expected, "an empty variable counts as absent");
}

#[test]
fn a_file_with_something_wrong_is_named_with_the_key() {
    let sentences = [
        "listne = \"127.0.0.1:1\"",
        "[upstrem]\nfreshness = \"1s\"",
        "[upstrem]",
        "upstream = 5",
        "colour = \"blue\"",
        "[upstream]\nallow_addresses = \"10.0.0.0/8\"",
        "[upstream]\nfreshness = 1.5",
        "listen = [\"127.0.0.1:1\"]",
        "[upstream]\nfreshness = \"abc\"",
        "data = \"x\"\nlisten = 127.0.0.1",
    ]
    .map(|text| Folder::with(text).sentence());
    assert_snapshot!(sentences.join("\n"), @r#"
    the configuration file `FOLDER/supercargo.toml` has an unknown key `listne`; did you mean `listen`?
    the configuration file `FOLDER/supercargo.toml` has an unknown key `upstrem.freshness`; did you mean `upstream.freshness`?
    the configuration file `FOLDER/supercargo.toml` has an unknown key `upstrem`; did you mean `upstream`?
    the configuration file `FOLDER/supercargo.toml` has an unknown key `upstream`; it is a section: write `[upstream]` and its keys below
    the configuration file `FOLDER/supercargo.toml` has an unknown key `colour`; `supercargo serve --print-defaults` shows every key
    the configuration file `FOLDER/supercargo.toml`: `upstream.allow_addresses` is a list of texts; write it as `["…", "…"]`
    the configuration file `FOLDER/supercargo.toml`: `upstream.freshness` is one text; write it in quotation marks
    the configuration file `FOLDER/supercargo.toml`: `listen` is one text; write it in quotation marks
    `upstream.freshness` = "abc" (from `FOLDER/supercargo.toml`) is not a duration; write it as `60s`, or with `m`, `h` or `d` behind
    the configuration file `FOLDER/supercargo.toml` is not TOML: invalid float, expected nothing, in line 2
    "#);
}

#[test]
fn a_file_that_is_not_there_is_named_with_who_asked_for_it() {
    let missing = "/nowhere/supercargo.toml";
    assert_snapshot!(refusal(&[("SUPERCARGO_CONFIG", missing)]), @"the configuration file `/nowhere/supercargo.toml` (from SUPERCARGO_CONFIG) cannot be read: No such file or directory (os error 2); check its path and its permissions");
}

#[test]
fn a_value_that_makes_no_sense_is_shown_with_its_origin() {
    let sentences = [
        ("SUPERCARGO_UPSTREAM_FRESHNESS", "abc"),
        ("SUPERCARGO_UPSTREAM_TIMEOUT", "0s"),
        ("SUPERCARGO_UPSTREAM_ALLOW_ADDRESSES", "10.0.0.0/99"),
        ("SUPERCARGO_LIMITS_CRATE_SIZE", "64MB"),
        ("SUPERCARGO_LIMITS_PUBLISHES", "300/s"),
        ("SUPERCARGO_LISTEN", "22746"),
        ("SUPERCARGO_LISTEN", "0.0.0.0:22746"),
        ("SUPERCARGO_LISTEN", "[::]:22746"),
        ("SUPERCARGO_LISTEN", "[::ffff:0.0.0.0]:22746"),
        ("SUPERCARGO_PUBLIC_URL", "crates.acme.example"),
        (
            "SUPERCARGO_PREVIOUS_PUBLIC_URLS",
            "http://a.example,ftp://b.example",
        ),
        ("SUPERCARGO_STORAGE", "s3://bucket/prefix"),
        ("SUPERCARGO_TLS_CERTIFICATE", "server.pem"),
        ("SUPERCARGO_TLS_KEY", "server.key"),
        ("SUPERCARGO_TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
        ("SUPERCARGO_LOG_FORMAT", "xml"),
        ("SUPERCARGO_LOG_LEVEL", "inof"),
    ]
    .map(|variable| refusal(&[variable]));
    assert_snapshot!(sentences.join("\n"), @r#"
    `upstream.freshness` = "abc" (from SUPERCARGO_UPSTREAM_FRESHNESS) is not a duration; write it as `60s`, or with `m`, `h` or `d` behind
    `upstream.timeout` = "0s" (from SUPERCARGO_UPSTREAM_TIMEOUT) leaves no time at all; write it as `30s`
    `upstream.allow_addresses` (from SUPERCARGO_UPSTREAM_ALLOW_ADDRESSES): `10.0.0.0/99` is neither an address range nor a host; write it as `10.0.0.0/8`, `fd00::/8` or `mirror.acme.example`
    `limits.crate_size` = "64MB" (from SUPERCARGO_LIMITS_CRATE_SIZE) is not a size; write it as `64MiB`, with `KiB` or `GiB`, or as a number of bytes
    `limits.publishes` = "300/s" (from SUPERCARGO_LIMITS_PUBLISHES) is not a rate; write it as `300 then 1/s`, which is 300 at once and then one each second, with `m` for a minute or `h` for an hour
    `listen` = "22746" (from SUPERCARGO_LISTEN) is not an address and a port; write it as `127.0.0.1:22746` or `[::1]:22746`
    `listen` = "0.0.0.0:22746" (from SUPERCARGO_LISTEN) is reachable under many names, and lockfiles hold one: say which with `--public-url`, as in `https://crates.acme.example`, or listen on one address
    `listen` = "[::]:22746" (from SUPERCARGO_LISTEN) is reachable under many names, and lockfiles hold one: say which with `--public-url`, as in `https://crates.acme.example`, or listen on one address
    `listen` = "[::ffff:0.0.0.0]:22746" (from SUPERCARGO_LISTEN) is reachable under many names, and lockfiles hold one: say which with `--public-url`, as in `https://crates.acme.example`, or listen on one address
    `public_url` = "crates.acme.example" (from SUPERCARGO_PUBLIC_URL) cannot be a public URL: it is not a URL; write it as `https://crates.acme.example`
    `previous_public_urls` = "ftp://b.example" (from SUPERCARGO_PREVIOUS_PUBLIC_URLS) cannot be a public URL: it must start with `http://` or `https://` and name a host
    `storage` = "s3://bucket/prefix" (from SUPERCARGO_STORAGE) is not possible in this version, which stores crate files in a folder; name a folder
    `tls.certificate` = "server.pem" (from SUPERCARGO_TLS_CERTIFICATE) is not enough for HTTPS; name the other file with `tls.key`
    `tls.key` = "server.key" (from SUPERCARGO_TLS_KEY) is not enough for HTTPS; name the other file with `tls.certificate`
    `trusted_proxies` (from SUPERCARGO_TRUSTED_PROXIES): `proxy` is not an address range; write it as `10.0.0.0/8`, `fd00::/8` or `10.1.2.3`
    `log.format` = "xml" (from SUPERCARGO_LOG_FORMAT) is not a form of the log; write `text` or `json`
    `log.level` = "inof" (from SUPERCARGO_LOG_LEVEL) is not a log level; write it as `info` or `info,supercargo_http=debug`
    "#);
}

#[test]
fn a_secret_that_makes_no_sense_is_not_repeated() {
    let sentences = [
        ("SUPERCARGO_ADMIN_TOKEN", "hunter2"),
        ("SUPERCARGO_DATABASE", "mysql://root:hunter2@db.example"),
        (
            "SUPERCARGO_PUBLIC_URL",
            "https://me:hunter2@crates.acme.example",
        ),
    ]
    .map(|variable| refusal(&[variable]));
    let sentences = sentences.join("\n");
    assert!(!sentences.contains("hunter2"), "{sentences}");
    assert_snapshot!(sentences, @"
    `admin_token` (from SUPERCARGO_ADMIN_TOKEN): that is not a token of this server: it starts with `scg_`, has 53 characters, and its last six are a checksum
    `database` (from SUPERCARGO_DATABASE): a database is written as `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`
    `public_url` (from SUPERCARGO_PUBLIC_URL): it must not hold a user name or password: it ends up in lockfiles
    ");
}

#[test]
fn an_unspecified_address_is_fine_with_a_public_url() {
    let given = flags(&[
        ("listen", "0.0.0.0:8080"),
        ("public_url", "https://crates.acme.example"),
    ]);
    let configuration = Configuration::load(&given, &Environment::default()).unwrap();
    let site = configuration.site(configuration.listen.value);
    assert_eq!(site.base(), "https://crates.acme.example");
}

#[test]
fn the_port_that_was_taken_goes_into_base() {
    let given = flags(&[("listen", "127.0.0.1:0")]);
    let configuration = Configuration::load(&given, &Environment::default()).unwrap();
    let bound = "127.0.0.1:40000".parse().unwrap();
    assert_eq!(configuration.site(bound).base(), "http://127.0.0.1:40000");
}

#[test]
fn with_a_certificate_base_is_https_unless_it_is_said() {
    let pair = [
        ("SUPERCARGO_TLS_CERTIFICATE", "server.pem"),
        ("SUPERCARGO_TLS_KEY", "server.key"),
    ];
    let configuration = Configuration::load(&Flags::default(), &environment(&pair)).unwrap();
    let site = configuration.site(configuration.listen.value);
    assert_eq!(site.base(), "https://127.0.0.1:22746");
    let given = flags(&[("public_url", "https://crates.acme.example")]);
    let configuration = Configuration::load(&given, &environment(&pair)).unwrap();
    let site = configuration.site(configuration.listen.value);
    assert_eq!(site.base(), "https://crates.acme.example");
}

#[test]
fn a_variable_that_is_nearly_a_key_is_worth_a_warning_and_others_are_not() {
    let variables = environment(&[
        ("SUPERCARGO_LISTNE", "x"),
        ("SUPERCARGO_PORT_22746_TCP", "tcp://10.0.0.1:22746"),
        ("SUPERCARGO_SERVICE_HOST", "10.0.0.1"),
        ("SUPERCARGO_URL", "http://crates.acme.example"),
        ("SUPERCARGO_TOKEN", "x"),
    ]);
    let configuration = Configuration::load(&Flags::default(), &variables).unwrap();
    assert_snapshot!(configuration.warnings.join("\n"), @"the environment variable SUPERCARGO_LISTNE means nothing here; did you mean SUPERCARGO_LISTEN?");
}

#[test]
fn a_variable_that_is_not_utf_8_is_refused_without_its_value() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut variables = Environment::default();
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    variables.0.insert("SUPERCARGO_DATA".to_owned(), value);
    let error = Configuration::load(&Flags::default(), &variables).unwrap_err();
    assert_snapshot!(error.to_string(), @"the environment variable SUPERCARGO_DATA is not UTF-8; write it anew");
}

#[test]
fn a_file_that_is_far_too_long_is_not_read_whole() {
    let folder = Folder::with(&"# nothing\n".repeat(200_000));
    assert_snapshot!(folder.sentence(), @"the configuration file `FOLDER/supercargo.toml` (from `--config`) has more than 1048576 bytes; is it the right file?");
}

/// I7.
#[test]
fn a_provider_is_read_with_what_its_groups_govern() {
    let folder = Folder::with(
        r#"
        [sign_on]
        issuer = "https://id.acme.example/realms/acme"
        client_id = "supercargo"
        client_secret = "hunter2"
        scopes = ["groups"]
        groups_claim = "/realm_access/roles"
        teams = ["platform=core", "cn=guests,ou=groups = visitors"]
        admins = ["root"]
        make_accounts = false
        "#,
    );
    let configuration = folder.load().unwrap();
    let shown = format!("{configuration:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let sign_on = configuration.sign_on.unwrap();
    let issuer = sign_on.provider.issuer.as_str();
    assert_eq!(issuer, "https://id.acme.example/realms/acme");
    let teams = sign_on.teams.iter();
    let teams: Vec<_> = teams
        .map(|(group, team)| format!("{group} -> {team}"))
        .collect();
    assert_eq!(
        teams,
        ["platform -> core", "cn=guests,ou=groups -> visitors"]
    );
    assert_eq!(sign_on.label, "single sign-on");
    assert!(!sign_on.make_accounts);
    assert_eq!(configuration.sessions.lifetime, Duration::from_hours(12));
}

/// I7.
#[test]
fn half_a_provider_is_refused_with_what_is_missing() {
    let issuer = ("SUPERCARGO_SIGN_ON_ISSUER", "https://id.acme.example");
    let client = ("SUPERCARGO_SIGN_ON_CLIENT_ID", "supercargo");
    let sentences = [
        refusal(&[issuer]),
        refusal(&[client]),
        refusal(&[
            ("SUPERCARGO_SIGN_ON_ISSUER", "http://id.acme.example"),
            client,
        ]),
        refusal(&[issuer, client, ("SUPERCARGO_SIGN_ON_TEAMS", "core")]),
        refusal(&[
            issuer,
            client,
            ("SUPERCARGO_SIGN_ON_CLIENT_SECRET_FILE", "/nowhere/secret"),
        ]),
        refusal(&[
            issuer,
            client,
            ("SUPERCARGO_SIGN_ON_CLIENT_SECRET", "hunter2"),
            ("SUPERCARGO_SIGN_ON_CLIENT_SECRET_FILE", "/nowhere/secret"),
        ]),
        refusal(&[("SUPERCARGO_SESSIONS_IDLE", "0s")]),
    ];
    assert_snapshot!(sentences.join("\n"), @r#"
    `sign_on.issuer` = "https://id.acme.example" (from SUPERCARGO_SIGN_ON_ISSUER) is not enough to sign in with a provider; give `sign_on.client_id`, too
    `sign_on.client_id` = "supercargo" (from SUPERCARGO_SIGN_ON_CLIENT_ID) is not enough to sign in with a provider; give `sign_on.issuer`, too
    `sign_on.issuer` (from SUPERCARGO_SIGN_ON_ISSUER): is no issuer: it is not encrypted, so that anybody on the way could put in keys of their own; write the issuer exactly as it stands in the `iss` of its tokens, as in `https://gitlab.acme.example`
    `sign_on.teams` = "core" (from SUPERCARGO_SIGN_ON_TEAMS) is not a group and a team; write it as `platform=core`
    `sign_on.client_secret_file` = "/nowhere/secret" (from SUPERCARGO_SIGN_ON_CLIENT_SECRET_FILE) cannot be read: No such file or directory (os error 2)
    `sign_on.client_secret_file` = "/nowhere/secret" (from SUPERCARGO_SIGN_ON_CLIENT_SECRET_FILE) stands beside `sign_on.client_secret`; give one of the two
    `sessions.idle` = "0s" (from SUPERCARGO_SESSIONS_IDLE) would sign nobody in; write it as `12h`
    "#);
}

#[test]
fn a_clients_secret_is_read_from_its_file() {
    let folder = Folder::with("");
    let file = folder.0.path().join("secret");
    fs::write(&file, "hunter2\n").unwrap();
    let file = file.display().to_string();
    let variables = [
        ("SUPERCARGO_SIGN_ON_ISSUER", "https://id.acme.example"),
        ("SUPERCARGO_SIGN_ON_CLIENT_ID", "supercargo"),
        ("SUPERCARGO_SIGN_ON_CLIENT_SECRET_FILE", file.as_str()),
    ];
    let configuration = Configuration::load(&Flags::default(), &environment(&variables));
    let secret = configuration
        .unwrap()
        .sign_on
        .unwrap()
        .provider
        .client_secret;
    assert!(secret == Some("hunter2".to_owned().into()));
}
