//! One of each refusal, read side by side: they have to sound as if one careful person had written them.

use std::{io, time::Duration};

use supercargo_package::{
    ArchiveRefused, FeatureRefused, FramePart, FrameRefused, InvalidVersion, ManifestRefused,
};
use supercargo_policy::Verdict;
use supercargo_types::{
    AccountName, Action, ClaimMode, CrateName, InvalidCrateName, InvalidPattern,
    InvalidRegistryName, NamePattern, Rate, RegistryName, Timestamp,
};
use supercargo_upstream::UpstreamFailed;

use super::{Refusal, RefusalClass};
use crate::{DeviceLoginRefused, TooMany, rights::Denied};

/// Samples, and a `match` over their type that has no `_`: a variant that has no sample does not compile.
macro_rules! samples {
    ($type:ident: $($variant:ident $fields:tt),+ $(,)?) => {{
        let _ = |refused: &$type| match refused { $($type::$variant { .. } => (),)+ };
        vec![$($type::$variant $fields),+]
    }};
}

/// For what is done too often.
const WAIT: Duration = Duration::from_secs(12);

fn acme() -> RegistryName {
    "acme".parse().unwrap()
}

fn demo() -> CrateName {
    "demo".parse().unwrap()
}

fn pattern() -> NamePattern {
    "acme-*".parse().unwrap()
}

fn team() -> AccountName {
    "core".parse().unwrap()
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn verdict(action: Action, reason: &str) -> Verdict {
    Verdict {
        action,
        reason: text(reason),
        since: Some(Timestamp::from_seconds(1_795_219_200)),
    }
}

#[expect(clippy::too_many_lines, reason = "one of each, side by side")]
fn refusals() -> Vec<Refusal> {
    samples!(Refusal:
        Frame(FrameRefused::Trailing),
        Archive(ArchiveRefused::AfterGzip),
        Manifest(ManifestRefused::Patch),
        CrateName(InvalidCrateName::Empty),
        RegistryName(InvalidRegistryName::Length),
        Pattern(InvalidPattern::Length),
        VersionExists { registry: acme(), name: demo(), version: text("1.0.0"), existing: text("1.0.0+a") },
        NumberDeleted { registry: acme(), name: demo(), version: text("1.0.0"), existing: text("1.0.0+a") },
        Barred { registry: acme(), name: demo(), version: text("1.0.0"), reason: text("the registry blocks `demo@^1`") },
        UpstreamHasNumber {
            registry: acme(), name: demo(), version: text("1.0.0"), existing: text("1.0.0+a"), upstream: text("partner"),
        },
        NumberUnsure { name: demo(), version: text("1.0.0"), upstream: text("partner"), reason: slow() },
        Twin { registry: acme(), existing: demo() },
        NotOwner {
            registry: acme(), in_cargo: text("acme"), name: demo(), principal: text("bob"), owners: text("`alice`"),
        },
        UpstreamHasName { registry: acme(), name: demo(), upstream: text("partner") },
        NameServed { registry: acme(), name: demo() },
        UpstreamUnsure { name: demo(), upstream: text("partner"), reason: slow() },
        ForgottenRegistry {
            dependency: text("acme-core"), requirement: text("^1"), registry: acme(), in_cargo: text("acme"),
        },
        UnknownDependencyRegistry { dependency: text("acme-core"), registry: acme() },
        NoCrate { registry: acme(), name: text("demo") },
        NoVersion { registry: acme(), name: text("demo"), version: text("1.0.0") },
        VersionDeleted { registry: acme(), name: text("demo"), version: text("1.0.0") },
        Withheld {
            registry: acme(), name: text("demo"), version: text("1.0.0"),
            verdict: verdict(Action::Block, "steals tokens"),
        },
        StillWithheld {
            registry: acme(), name: text("demo"), version: text("1.0.0"),
            verdict: verdict(Action::Hold, "under review"),
        },
        NotDeleted { registry: acme(), what: text("demo@1.0.0") },
        Purged { registry: acme(), what: text("demo@1.0.0") },
        ConfirmRelease(demo()),
        NameClaimed { registry: acme(), name: demo(), mode: ClaimMode::Fork },
        HasVersions { registry: acme(), name: demo(), versions: 1 },
        AlreadyReleased { registry: acme(), name: demo() },
        NameReleased { registry: acme(), name: demo() },
        NoQuarantine { registry: acme(), what: text("demo@1.0.0") },
        ConfirmAccept { name: text("demo"), version: text("1.0.0") },
        NotServed { registry: acme(), name: text("demo"), version: text("1.0.0") },
        NotHosted { registry: acme(), name: text("demo"), upstream: text("partner") },
        Upstream(UpstreamFailed::garbled("partner", text("the index file of `demo` is empty"))),
        WrongBytes {
            upstream: text("partner"), name: text("demo"), version: text("1.0.0"),
            expected: text("aa11"), found: text("bb22"),
        },
        ChangedBytes { registry: acme(), upstream: text("partner"), name: text("demo"), version: text("1.0.0") },
        RegistryTaken(acme()),
        RegistryTwin { existing: text("ac-me") },
        RegistryRetired(acme()),
        ConfirmRegistry(acme()),
        RegistryNotDeleted(acme()),
        NotRestorable(acme()),
        RegistryInUse { registry: acme(), users: text("`beta`") },
        UpstreamTaken(text("partner")),
        NoUpstream(text("partner")),
        UpstreamInUse { upstream: text("partner"), users: text("`acme`") },
        UpstreamNotUsable {
            registry: acme(), upstream: text("partner"),
            reason: text("it has credentials; ask an instance admin"),
        },
        UpstreamTwice { upstream: text("partner") },
        NotAttached { registry: acme(), name: text("demo"), upstream: text("partner") },
        Changing { registry: acme(), name: text("demo") },
        NestingBarred { registry: acme(), reason: text("a registry that it reads through is deleted") },
        Behind { upstream: text("shared"), kind: supercargo_upstream::FailureKind::Timeout, pause: None },
        Nesting { registry: acme(), reason: text("it would read through itself") },
        UpstreamShape(text("give one of `preset`, `index` and `registry`")),
        AccountTaken(text("alice")),
        AccountDeleted(text("alice")),
        NoAccount(text("alice")),
        NotMember(text("alice"), acme()),
        NoTeam(text("core")),
        TeamOfUsers(text("service:ci")),
        NotInTeam { user: text("alice"), team: team() },
        TeamIsLastOwner { team: team(), crates: text("`demo` in `acme`") },
        AccountIsLastOwner { account: text("alice"), crates: text("`demo` in registry `acme`") },
        LastAdmin(text("alice")),
        ConfirmAccount { account: text("service:ci"), name: "ci".parse().unwrap() },
        PasswordShape(text("a password has at most 1024 bytes; take a shorter one")),
        WrongPassword {},
        TooManySignIns {},
        ClaimTaken { registry: acme(), pattern: pattern() },
        NoClaim { registry: acme(), pattern: pattern() },
        ConfirmClaim(pattern()),
        NoPublisher { registry: acme(), name: text("release") },
        PublisherTaken { registry: acme(), name: text("release") },
        PublisherShape(text("`audience`: has 1 to 255 characters without blanks")),
        OfJobs(text("job:acme.release")),
        NotOfJobs { registry: acme(), name: demo(), principal: text("job:acme.release") },
        IssuerFailed(text("the issuer `https://ci.acme.example` cannot be asked for its keys now")),
        TooMany(TooMany::DeviceLogins { wait: WAIT }),
        DeviceLogin(DeviceLoginRefused::Pending),
        TooManyJobs {},
        NoToken(text("7f3a")),
        NoSession(text("7f3a")),
        SignOn(text("the account `alice` is disabled; ask an instance admin")),
        IdentityTaken {},
        NoIdentity(text("https://id.acme.example")),
        LastWayIn {},
        TokenShape(text("`expires_at` is in the past")),
        UnknownOwner(text("carol")),
        LastOwner { owner: text("alice"), name: demo() },
        NotAnOwner { owner: text("bob"), name: demo() },
        Shape(text("the request has more than 65536 bytes")),
    )
}

fn slow() -> String {
    text("upstream `partner` did not answer within 15 seconds")
}

fn frames() -> Vec<FrameRefused> {
    samples!(FrameRefused:
        TooLarge { part: FramePart::Crate, declared: 70 << 20, limit: 64 << 20 },
        Metadata(text("missing field `name`")),
        Name(InvalidCrateName::Empty),
        Version(InvalidVersion::TooLong),
        Trailing {},
        Short { part: FramePart::Metadata, missing: 4 },
    )
}

fn too_many() -> Vec<TooMany> {
    samples!(TooMany:
        Publishes { principal: text("service:ci"), rate: Rate::each_second(300, 1), wait: WAIT },
        SignIns { wait: WAIT },
        BadTokens { why: text("this token has expired; make a new one"), wait: WAIT },
        DeviceLogins { wait: WAIT },
        DeviceCodes { wait: WAIT },
        Searches { wait: WAIT },
    )
}

fn device_logins() -> Vec<DeviceLoginRefused> {
    samples!(DeviceLoginRefused:
        Pending {},
        SlowDown {},
        Denied {},
        Expired {},
        UnknownCode(text("BCDF-GHJK")),
        NoCode {},
        Decided {},
        TooMany {},
    )
}

fn archives() -> Vec<ArchiveRefused> {
    samples!(ArchiveRefused:
        Gzip(text("it ends too early")),
        AfterGzip {},
        Tar(text("failed to read entire block")),
        UnpackedTooLarge { limit: 512 << 20 },
        TooMany { what: "files and folders", limit: 100_000 },
        FileTooLarge { path: text("Cargo.toml"), limit: 1 << 20 },
        Path { path: text("demo-1.0.0/src/aux.rs"), reason: text("a part of it is a device on Windows; rename the file") },
        Kind { path: text("demo-1.0.0/link"), kind: text("symbolic link") },
        Collision { path: text("src/LIB.rs"), other: text("src/lib.rs") },
        Duplicate(text("src/lib.rs")),
        FileAndFolder(text("src/lib.rs")),
        NoManifest(text("demo-1.0.0")),
        ManifestCase(text("cargo.toml")),
        TwoManifests(text("Cargo.toml"), text("cargo.toml")),
        Unidentified(text("`Cargo.toml` cannot be read: missing field `name`; make the crate file with `cargo package`")),
        Unreadable(io::Error::other("the disk is gone")),
    )
}

fn manifests() -> Vec<ManifestRefused> {
    samples!(ManifestRefused:
        Unreadable(text("missing field `package`")),
        Name(InvalidCrateName::Empty),
        Version(InvalidVersion::TooLong),
        Mismatch { field: "version", metadata: text("1.0.0"), manifest: text("1.0.1") },
        Reserved("std".parse().unwrap()),
        Workspace(text("package.license")),
        Patch {},
        LibraryFile(text("src/none.rs")),
        RustVersion(text("^1.60")),
        Edition(text("next")),
        TooManyDependencies { found: 501, limit: 500 },
        Dependency { name: text("itoa"), reason: text("`one` is not a version requirement; write it as `1.2` or `>=1.2, <3`") },
        Feature(FeatureRefused::Unreachable(text("itoa"))),
    )
}

fn features() -> Vec<FeatureRefused> {
    samples!(FeatureRefused:
        TooMany { found: 301, limit: 300 },
        TooManyValues { feature: text("all"), found: 301, limit: 300 },
        Name { feature: text("a b"), reason: text("invalid character ` `; use letters, digits, `_`, `-`, `+` and `.`") },
        Value { feature: text("extra"), value: text("none"), reason: text("it is neither a dependency nor another feature") },
        Unreachable(text("itoa")),
    )
}

fn crate_names() -> Vec<InvalidCrateName> {
    samples!(InvalidCrateName:
        Empty {},
        TooLong(text("aaaaaaaaaaaaaaaa")),
        Start { name: text("9lives"), character: '9' },
        Character { name: text("acme bad"), character: ' ' },
    )
}

fn registry_names() -> Vec<InvalidRegistryName> {
    samples!(InvalidRegistryName:
        Length {},
        Start(text("9acme")),
        Character { name: text("acme/x"), character: '/' },
        Reserved(text("api")),
    )
}

fn patterns() -> Vec<InvalidPattern> {
    samples!(InvalidPattern: Length {}, Character { pattern: text("acme-?"), character: '?' })
}

fn versions() -> Vec<InvalidVersion> {
    samples!(InvalidVersion:
        TooLong {},
        NotSemver { version: text("v1"), reason: text("unexpected character 'v' while parsing major version number") },
    )
}

fn denials() -> Vec<Denied> {
    samples!(Denied:
        SignIn {},
        BadToken("this token has expired; make a new one"),
        BadPassword {},
        Hidden {},
        Right(text("`bob` may not publish in registry `acme`: that needs the role `publisher` there; ask one of its admins")),
    )
}

/// `code: sentence`, each on a line, under what they are about.
fn read_aloud() -> String {
    let mut lines = Vec::new();
    let mut say = |title: &str, refusals: Vec<Refusal>| {
        lines.push(format!("-- {title}"));
        let line = |refusal: &Refusal| format!("{}: {refusal}", refusal.code());
        lines.extend(refusals.iter().map(line));
    };
    say("use cases", refusals());
    say(
        "too often",
        too_many().into_iter().map(Refusal::from).collect(),
    );
    say(
        "login in the browser",
        device_logins().into_iter().map(Refusal::from).collect(),
    );
    say(
        "publish frame",
        frames().into_iter().map(Refusal::from).collect(),
    );
    say(
        "crate file",
        archives().into_iter().map(Refusal::from).collect(),
    );
    say(
        "manifest",
        manifests().into_iter().map(Refusal::from).collect(),
    );
    let features = features().into_iter().map(ManifestRefused::from);
    say("features", features.map(Refusal::from).collect());
    let versions = versions().into_iter().map(ManifestRefused::from);
    say("version", versions.map(Refusal::from).collect());
    say(
        "crate name",
        crate_names().into_iter().map(Refusal::from).collect(),
    );
    say(
        "registry name",
        registry_names().into_iter().map(Refusal::from).collect(),
    );
    say(
        "pattern",
        patterns().into_iter().map(Refusal::from).collect(),
    );
    lines.push("-- rights".to_owned());
    for denied in denials() {
        for registry in [Some(acme()), None] {
            let (code, sentence) = (denied.code(), denied.sentence(registry.as_ref()));
            lines.push(format!("{code}: {sentence}"));
        }
    }
    lines.dedup();
    lines.join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "they are meant to be read together")]
fn every_refusal_is_read_side_by_side() {
    insta::assert_snapshot!(read_aloud(), @r#"
    -- use cases
    invalid-publish-frame: the body goes on after the end of the crate file; send the two lengths, the metadata and the crate file, nothing else
    invalid-crate-file: the `.crate` file is refused: the crate file goes on after its first gzip member; make it with `cargo package`
    invalid-manifest: crates cannot be published with `[patch]` tables; remove it from `Cargo.toml`
    invalid-crate-name: a crate name cannot be empty
    invalid-registry-name: a registry's name has 1 to 64 characters
    invalid-pattern: a pattern has 1 to 64 characters, as in `acme-*`
    version-exists: crate version `1.0.0` is already uploaded: `demo@1.0.0+a` already exists in registry `acme` and versions never change; publish a new version number
    number-deleted: crate version `1.0.0` was uploaded before: `demo@1.0.0+a` was deleted from registry `acme`, and a number is never used for other bytes; publish a new version number, or ask a maintainer whether that one can be restored
    barred: `demo@1.0.0` may not be published in registry `acme`: the registry blocks `demo@^1`; ask an admin of the registry to change its lists
    upstream-has-number: number `1.0.0` of crate `demo` stands for other bytes: upstream `partner` has `demo@1.0.0+a`, and registry `acme` serves its versions beside the hosted ones; publish a version number that upstream never had
    upstream-unsure: whether upstream `partner` has `demo@1.0.0` cannot be told now, and beside its versions a number is only given when it can: upstream `partner` did not answer within 15 seconds; publish again later, or have a maintainer claim the name as a `fork`
    crate-name-twin: crate was previously named `demo`: registry `acme` compares names without regard to case, `-` and `_`; publish it as `demo`, or choose another name
    not-an-owner: `bob` is not an owner of crate `demo` in registry `acme`; ask an owner (`alice`) to run `cargo owner --add bob demo --registry acme`
    upstream-has-name: `demo` is a crate of upstream `partner`, which registry `acme` reads through; a maintainer has to claim the name first: `supercargo claim create acme demo --mode fork`
    upstream-has-name: registry `acme` has given out versions of `demo` that were upstream's; a maintainer has to claim the name first: `supercargo claim create acme demo --mode fork`
    upstream-unsure: whether upstream `partner` has a crate `demo` cannot be told now, and a new name is only given when it can: upstream `partner` did not answer within 15 seconds; publish again later, or have a maintainer claim the name
    forgotten-registry: dependency `acme-core` says crates.io, but `acme-core` is a private crate of registry `acme`; write `acme-core = { version = "^1", registry = "acme" }` in `Cargo.toml`
    unknown-dependency-registry: dependency `acme-core` names registry `acme` of this server, which is not there or which this token may not read; correct its `registry` in `Cargo.toml`
    no-such-crate: crate `demo` does not exist in registry `acme`
    no-such-version: crate `demo` does not have a version `1.0.0` in registry `acme`
    version-deleted: version `1.0.0` of crate `demo` was deleted from registry `acme`; choose another version, or ask a maintainer whether it can be restored
    blocked: `demo@1.0.0` is blocked in registry `acme` since 2026-11-21: steals tokens; choose another version, or ask a maintainer of the registry
    held: `demo@1.0.0` is held in registry `acme` since 2026-11-21: under review; that has to be lifted before it can be unyanked
    not-deleted: `demo@1.0.0` is not deleted in registry `acme`; delete it first if you mean it
    purged: `demo@1.0.0` was purged from registry `acme`: its bytes are gone for ever; publish a new version number
    confirmation-needed: this gives the name `demo` back to upstream; repeat the name to confirm: `{"confirm":"demo"}`
    claimed: crate `demo` is claimed as `fork` in registry `acme`; delete the claim first, then release the name
    has-versions: crate `demo` still has versions in registry `acme` (1); delete the crate first, then release its name
    already-released: the name `demo` of registry `acme` was released to upstream already; there is nothing left to do
    name-released: the name `demo` was released to upstream in registry `acme`; claim it first, then restore what was hosted: `supercargo claim create acme demo --mode fork`
    no-such-quarantine: nothing is quarantined as `demo@1.0.0` in registry `acme`; `supercargo quarantine list acme` shows what is
    confirmation-needed: this accepts other bytes than were served before for `demo@1.0.0`; repeat the version to confirm: `?confirm=1.0.0`
    not-served: registry `acme` never served a `demo@1.0.0` of upstream's; there is nothing to accept
    not-hosted: crate `demo` of registry `acme` is served from upstream `partner`; use quarantine
    upstream-failed: upstream `partner` gives an answer that makes no sense: the index file of `demo` is empty
    upstream-wrong-bytes: upstream `partner` sends other bytes for `demo@1.0.0` than its index promises (checksum bb22, expected aa11); they were thrown away, so choose another version, or try again when upstream is mended
    upstream-changed-bytes: upstream `partner` now lists other bytes for `demo@1.0.0` than registry `acme` served before, and the former ones are not stored here; choose another version, or have a maintainer look into it and accept them: `supercargo crate accept acme demo@1.0.0`
    registry-name-taken: a registry named `acme` exists
    registry-name-twin: a registry named `ac-me` exists, and names that differ only in `.`, `-` and `_` share one variable of cargo's; choose another
    registry-name-retired: a registry named `acme` existed; only an instance admin may restore it or use its name again
    confirmation-needed: this deletes registry `acme` with its crates; repeat the name to confirm: `?confirm=acme`
    not-deleted: registry `acme` is not deleted; delete it first: `supercargo registry delete acme`
    not-restorable: registry `acme` is not deleted, was purged, or has been deleted for more than 30 days; there is nothing to restore
    registry-in-use: registry `acme` is read through by `beta`; detach it there first
    upstream-name-taken: an upstream named `partner` exists; choose another name
    no-such-upstream: there is no upstream named `partner`; `supercargo upstream list` shows those there are
    upstream-in-use: upstream `partner` is in use by `acme`; detach it there first
    upstream-not-usable: registry `acme` may not use upstream `partner`: it has credentials; ask an instance admin
    upstream-twice: upstream `partner` is in the list twice; name it once
    not-attached: registry `acme` does not ask upstream `partner` for `demo`; attach it, or choose one that is attached and whose patterns pass the name: `supercargo registry show acme`
    changing: where `demo` of registry `acme` is read from changes at this moment; ask again
    nesting-barred: registry `acme` does not read through other registries of this server: a registry that it reads through is deleted
    upstream-failed: upstream `shared` is a registry of this server, and what it reads through does not answer; try again later, or ask its administrators
    invalid-nesting: this cannot be: registry `acme`: it would read through itself
    invalid-upstream: give one of `preset`, `index` and `registry`
    account-name-taken: an account named `alice` exists; choose another name
    account-name-taken: `alice` was deleted, and its name stays taken; choose another name
    no-such-account: there is no account `alice`; check the name, or make it first
    not-a-member: `alice` is not a member of registry `acme`; `supercargo member list acme` shows who is
    no-such-team: there is no team `core`; `supercargo team list` shows those there are
    not-a-user: only users can be members of a team, and `service:ci` is none; give it a role or a crate of its own instead
    not-a-member: `alice` is not a member of team `core`
    last-owner: team `core` is the last owner of `demo` in `acme`; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`
    last-owner: `alice` is the last owner of `demo` in registry `acme`; add another owner there first: `cargo owner --add NAME CRATE --registry REGISTRY`, and disable the account until then
    last-admin: `alice` is the last instance admin who is not disabled; give somebody else that role first: `supercargo user edit NAME --instance-role admin`
    confirmation-needed: this deletes `service:ci` for ever, and nobody gets the name again; repeat the name to confirm: `?confirm=ci`
    invalid-password: a password has at most 1024 bytes; take a shorter one
    wrong-password: that is not your present password; type it again, or ask an instance admin to give you another one
    too-many-sign-ins: too many people sign in at this moment; try again in a few seconds
    claim-exists: pattern `acme-*` is already claimed in registry `acme`; to change its mode, delete that claim first
    no-such-claim: pattern `acme-*` is not claimed in registry `acme`; `supercargo claim list acme` shows those there are
    confirmation-needed: names that `acme-*` covers and that were never hosted here go back to upstream; repeat the pattern to confirm: `?confirm=acme-*`
    no-such-trusted-publisher: there is no trusted publisher `release` in registry `acme`; `supercargo trusted-publisher list acme` shows those there are
    trusted-publisher-exists: registry `acme` has a trusted publisher `release`; change that one, or choose another name
    invalid-trusted-publisher: `audience`: has 1 to 255 characters without blanks
    account-of-jobs: `job:acme.release` stands for the jobs of a trusted publisher, which have what it says and nothing else; change it there: `supercargo trusted-publisher edit`
    not-an-owner: crate `demo` of registry `acme` belongs to others, and `job:acme.release` writes its own crates only; ask an admin of the registry to give the trusted publisher a pattern that covers it
    issuer-failed: the issuer `https://ci.acme.example` cannot be asked for its keys now; run the job again
    too-many-logins: too many logins were begun from this address; try again in 12 seconds
    authorization-pending: nobody has approved this login yet; ask again in two seconds
    too-many-jobs: too many jobs ask for a token at this moment; try again in a few seconds
    no-such-token: there is no token with the id `7f3a`; `supercargo token list` shows those there are
    no-such-session: there is no session with the id `7f3a`; `GET /api/v1/sessions` shows those there are
    sign-on-failed: the account `alice` is disabled; ask an instance admin
    identity-taken: this identity is linked to an account already; unlink it there first, or ask an instance admin
    no-such-identity: the account has no identity like this at `https://id.acme.example`; look at the list of those it has
    last-way-to-sign-in: this is the only way to sign in to the account; set a password or link another identity first
    invalid-token-request: `expires_at` is in the past
    unknown-owner: `carol` is not a user, service account or team of this server; owners are written as `alice`, `service:ci` or `team:core`
    last-owner: `alice` is the last owner of crate `demo`; add another one first: `cargo owner --add NAME demo`
    not-an-owner: `bob` is not an owner of crate `demo`; `cargo owner --list demo` shows who is
    invalid-request: the request has more than 65536 bytes
    -- too often
    too-many-publishes: `service:ci` publishes too often: this server takes 300 at once and then 1 each second of a principal; publish the rest in 12 seconds, or ask its operator to raise `limits.publishes`
    too-many-failed-sign-ins: too many failed sign-ins; try again in 12 seconds
    too-many-bad-tokens: this token has expired; make a new one (too many bad tokens come from this address; correct what sends them, a good one is taken at once)
    too-many-logins: too many logins were begun from this address; try again in 12 seconds
    too-many-codes: too many codes that no login waits for; look once more at the one in your terminal, and try again in 12 seconds
    too-many-searches: too many people search at this moment who are not signed in; sign in, or try again in 12 seconds
    -- login in the browser
    authorization-pending: nobody has approved this login yet; ask again in two seconds
    slow-down: this login is asked for too often; ask again in two seconds
    access-denied: this login was refused in the browser; log in again if that was a mistake
    expired-code: this login is over: a code holds for ten minutes and is good for one token; log in again
    no-such-login: no program waits with the code `BCDF-GHJK`; compare it with the one that the program shows, or log in again: a code holds for ten minutes
    invalid-login-code: that is no code of a login: one has eight letters, such as `BCDF-GHJK`, without vowels
    login-decided: this login was decided already; log in again where that was not meant
    too-many-logins-wait: too many logins wait for somebody now; try again in some minutes
    -- publish frame
    invalid-publish-frame: the crate file has 70 MiB, more than the limit of 64 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.crate_size`
    invalid-publish-frame: the publish metadata cannot be read: missing field `name`; send what `cargo publish` sends
    invalid-publish-frame: a crate name cannot be empty
    invalid-publish-frame: the version number is too long (at most 150 characters); shorten its pre-release or build metadata
    invalid-publish-frame: the body goes on after the end of the crate file; send the two lengths, the metadata and the crate file, nothing else
    invalid-publish-frame: the body ends 4 bytes before the end of the publish metadata; publish again
    -- crate file
    invalid-crate-file: the `.crate` file is refused: the crate file is not a complete gzip file (it ends too early); make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the crate file goes on after its first gzip member; make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the tar file in the crate file is malformed: failed to read entire block; make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the crate unpacks to more than the limit of 512 MiB; leave files out with `exclude` in `[package]`, or ask the administrator to raise `limits.unpacked_size`
    invalid-crate-file: the `.crate` file is refused: the crate holds more than 100000 files and folders; leave files out with `exclude` in `[package]`
    invalid-crate-file: the `.crate` file is refused: `Cargo.toml` is larger than 1 MiB; shorten it
    invalid-crate-file: the `.crate` file is refused: invalid path `demo-1.0.0/src/aux.rs` in the crate file: a part of it is a device on Windows; rename the file
    invalid-crate-file: the `.crate` file is refused: `demo-1.0.0/link` is a symbolic link; a crate file holds only regular files and folders, so leave it out with `exclude` in `[package]` or put a copy in its place
    invalid-crate-file: the `.crate` file is refused: `src/LIB.rs` and `src/lib.rs` are the same file where case does not matter; rename or exclude one of them
    invalid-crate-file: the `.crate` file is refused: `src/lib.rs` stands more than once in the crate file; make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: `src/lib.rs` is both a file and a folder in the crate file; make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the crate file has no `Cargo.toml` in `demo-1.0.0/`; make it with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the crate file has no `Cargo.toml`, but `cargo.toml`; rename it to `Cargo.toml` with that exact case
    invalid-crate-file: the `.crate` file is refused: the crate file has more than one manifest: `Cargo.toml` and `cargo.toml`; keep only `Cargo.toml`
    invalid-crate-file: the `.crate` file is refused: `Cargo.toml` does not tell what the crate is: `Cargo.toml` cannot be read: missing field `name`; make the crate file with `cargo package`
    invalid-crate-file: the `.crate` file is refused: the crate file could not be read
    -- manifest
    invalid-manifest: `Cargo.toml` cannot be read: missing field `package`; make the crate file with `cargo package`
    invalid-manifest: a crate name cannot be empty
    invalid-manifest: the version number is too long (at most 150 characters); shorten its pre-release or build metadata
    invalid-manifest: metadata version `1.0.0` does not match manifest version `1.0.1`; publish with `cargo publish`, which takes both from one `Cargo.toml`
    invalid-manifest: cannot upload a crate with the reserved name `std`; choose another name
    invalid-manifest: value from workspace hasn't been set for `package.license`; make the crate file with `cargo package`, which fills it in
    invalid-manifest: crates cannot be published with `[patch]` tables; remove it from `Cargo.toml`
    invalid-manifest: can't find the library's file `src/none.rs` in the crate file; rename the file to `src/lib.rs` or set `path` in `[lib]`
    invalid-manifest: invalid `rust-version` `^1.60`; write it as `1.60` or `1.60.0`
    invalid-manifest: `next` is not an edition; write a year, such as `2024`
    invalid-manifest: the crate has 501 dependencies, more than the limit of 500; split the crate
    invalid-manifest: dependency `itoa`: `one` is not a version requirement; write it as `1.2` or `>=1.2, <3`
    invalid-manifest: optional dependency `itoa` is not included in any feature; include `dep:itoa` in one of them
    -- features
    invalid-manifest: the crate declares 301 features, more than the limit of 300; split the crate
    invalid-manifest: feature `all` enables 301 others, more than the limit of 300; group them
    invalid-manifest: feature `a b`: invalid character ` `; use letters, digits, `_`, `-`, `+` and `.`
    invalid-manifest: feature `extra` includes `none`: it is neither a dependency nor another feature
    invalid-manifest: optional dependency `itoa` is not included in any feature; include `dep:itoa` in one of them
    -- version
    invalid-manifest: the version number is too long (at most 150 characters); shorten its pre-release or build metadata
    invalid-manifest: `v1` is not a version number (unexpected character 'v' while parsing major version number); write it as `1.2.3` or `1.2.3-rc.1`
    -- crate name
    invalid-crate-name: a crate name cannot be empty
    invalid-crate-name: the crate name `aaaaaaaaaaaaaaaa…` is too long (at most 64 characters)
    invalid-crate-name: invalid character `9` in crate name `9lives`: the first character must be an ASCII letter
    invalid-crate-name: invalid character ` ` in crate name `acme bad`: use ASCII letters, digits, `-` and `_`
    -- registry name
    invalid-registry-name: a registry's name has 1 to 64 characters
    invalid-registry-name: the registry name `9acme` must start with a lower-case letter, as in `acme`
    invalid-registry-name: invalid character `/` in registry name `acme/x`: use lower-case letters, digits, `_`, `.` and `-`, as in `acme-tools`
    invalid-registry-name: the name `api` is reserved for the server's own paths; choose another
    -- pattern
    invalid-pattern: a pattern has 1 to 64 characters, as in `acme-*`
    invalid-pattern: invalid character `?` in pattern `acme-?`: use letters, digits, `-`, `_` and `*`, as in `acme-*`
    -- rights
    sign-in: registry `acme` needs a token, or does not exist; run `cargo login --registry acme`
    sign-in: this needs a token; send one in the `Authorization` header
    bad-token: this token has expired; make a new one, then run `cargo login --registry acme`
    bad-token: this token has expired; make a new one
    bad-password: no account has this name and this password; type both again, or ask an instance admin to give you another password
    no-such-registry: there is no registry `acme`, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    no-such-registry: there is no such registry, or this token may not read it; ask its admins to add you as a member, or use a token that is for it
    not-allowed: `bob` may not publish in registry `acme`: that needs the role `publisher` there; ask one of its admins
    "#);
}

/// What conventions can be checked by a machine are.
#[test]
fn every_refusal_is_one_text_without_capital_and_full_stop() {
    for line in read_aloud().lines().filter(|line| !line.starts_with("--")) {
        let (code, sentence) = line.split_once(": ").unwrap();
        assert!(!code.is_empty() && !code.contains([' ', '_']), "{line}");
        assert!(!sentence.ends_with(['.', ' ', ';', ':']), "{line}");
        let first = sentence.chars().next().unwrap();
        assert!(first.is_lowercase() || first == '`', "{line}");
        assert!(
            !sentence.contains("  ") && !sentence.contains("``; "),
            "{line}"
        );
        assert_eq!(sentence.matches('`').count() % 2, 0, "{line}");
    }
}

/// A class that nobody chose would be answered as "what you sent is wrong".
#[test]
fn only_what_was_sent_is_invalid() {
    let invalid: Vec<_> = refusals()
        .iter()
        .filter(|refusal| refusal.class() == RefusalClass::Invalid)
        .map(Refusal::code)
        .collect();
    insta::assert_snapshot!(invalid.join("\n"), @"
    invalid-publish-frame
    invalid-crate-file
    invalid-manifest
    invalid-crate-name
    invalid-registry-name
    invalid-pattern
    barred
    crate-name-twin
    forgotten-registry
    unknown-dependency-registry
    confirmation-needed
    confirmation-needed
    confirmation-needed
    upstream-not-usable
    upstream-twice
    not-attached
    invalid-nesting
    invalid-upstream
    not-a-user
    confirmation-needed
    invalid-password
    wrong-password
    confirmation-needed
    invalid-trusted-publisher
    account-of-jobs
    sign-on-failed
    invalid-token-request
    unknown-owner
    last-owner
    not-an-owner
    invalid-request
    ");
}
