//! What can happen to a registry: the operations, how they are drawn from a seed, and how they read.
//!
//! A sequence is drawn without a look at any answer, so that it may be shortened anywhere and still means something.

use std::{fmt, time::Duration};

use supercargo_types::{ClaimMode, View};

/// Names as publishers write them: three spellings of one name, a name and its twin that `acme-*` covers, and one alone.
pub(crate) const NAMES: [&str; 6] = [
    "foo-bar",
    "foo_bar",
    "Foo-Bar",
    "acme-tool",
    "acme_tool",
    "solo",
];
/// Names as cargo asks for them.
pub(crate) const SPELLINGS: [&str; 5] = ["foo-bar", "foo_bar", "acme-tool", "acme_tool", "solo"];
/// The first two are one number, told apart by build metadata alone.
pub(crate) const VERSIONS: [&str; 4] = ["1.0.0", "1.0.0+b1", "1.1.0", "2.0.0"];
const CLAIMED: [&str; 4] = ["foo_bar", "acme-*", "acme-tool", "solo"];

/// Bytes of a `.crate`, by what they are made of: equal where all three are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Bytes {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// Two packages of one name and version may differ in this.
    pub(crate) flavour: u8,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Person {
    /// Administrator of the registry.
    Admin,
    /// Maintainer of the registry.
    Mia,
    /// A publisher.
    Pat,
    /// Another publisher.
    Ola,
    /// A reader.
    Rob,
}

/// Which upstream requests fail, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failing {
    /// This status.
    Status(u16),
    /// 200 and nonsense.
    Garbage,
    /// A page for people.
    Page,
    /// The connection breaks half-way.
    Broken,
    /// As long as it should be, with another byte in it.
    Corrupted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quarantine {
    Hold,
    Block,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Publish(Person, Bytes),
    Yank(Person, &'static str, &'static str, bool),
    Claim(Person, &'static str, ClaimMode),
    Unclaim(Person, &'static str),
    Download(View, &'static str, &'static str),
    /// Of a version, or of the crate.
    Delete(Person, &'static str, Option<&'static str>),
    Restore(Person, &'static str, Option<&'static str>),
    Purge(Person, &'static str, Option<&'static str>),
    Release(Person, &'static str),
    Quarantine(Person, &'static str, Option<&'static str>, Quarantine),
    Lift(Person, &'static str, Option<&'static str>),
    /// The registry's `allow` and `block`, by their place in [`ALLOW`] and [`BLOCK`].
    Patterns(usize, usize),
    /// The upstream gets a version, or other bytes for one that it has.
    Appears(Bytes),
    UpstreamYanks(&'static str, &'static str, bool),
    /// The upstream loses a version, or the crate.
    Vanishes(&'static str, Option<&'static str>),
    IndexFails(Failing),
    FilesFail(Failing),
    Heals,
    Restart,
    Wait(Duration),
}

/// Lists of patterns that a registry's `allow` is set to.
pub(crate) const ALLOW: [&[&str]; 3] = [&[], &["foo-*", "solo@^1"], &["acme-*", "foo-bar", "solo"]];
/// The same for `block`.
pub(crate) const BLOCK: [&[&str]; 4] = [&[], &["foo-bar@<1.1"], &["acme-*"], &["solo@=1.0.0"]];

/// How much is compared after an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its status. So caches stay cold and ledgers empty now and then.
    Status,
    /// And the three views of every name.
    Views,
    /// And every download.
    Downloads,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) operation: Operation,
    pub(crate) look: Look,
}

/// `SplitMix64`: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let sides = u64::try_from(sides).expect("invariant: a die has few sides");
        usize::try_from((z ^ (z >> 31)) % sides).expect("invariant: less than its sides")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

/// 5 to 43 steps. A sequence stays with one or two families of names, for that is where things meet.
pub(crate) fn sequence(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let families: [&[&'static str]; 4] = [&NAMES[..3], &NAMES[3..5], &NAMES[5..], &NAMES];
    let names = dice.pick(&families);
    let length = 5 + dice.roll(36);
    let mut other = Dice(seed ^ 0x5eed);
    let mut look = || {
        other.pick(&[
            Look::Status,
            Look::Status,
            Look::Views,
            Look::Views,
            Look::Downloads,
        ])
    };
    let mut steps: Vec<_> = opening(&mut dice, names[0])
        .into_iter()
        .map(|operation| Step {
            operation,
            look: look(),
        })
        .collect();
    steps.extend((0..length).map(|_| Step {
        operation: operation(&mut dice, names),
        look: look(),
    }));
    steps
}

/// In some sequences, what would seldom come about by chance: a crate that is there, gone, given back, restored, purged, or
/// held after somebody got it.
fn opening(dice: &mut Dice, name: &'static str) -> Vec<Operation> {
    let bytes = Bytes {
        name,
        version: VERSIONS[0],
        flavour: 0,
    };
    let mut steps = vec![
        Operation::Publish(Person::Mia, bytes),
        Operation::Delete(Person::Mia, name, None),
    ];
    match dice.roll(8) {
        0 => steps.push(Operation::Release(Person::Mia, name)),
        1 => steps.push(Operation::Restore(Person::Mia, name, None)),
        2 => steps.push(Operation::Purge(Person::Admin, name, None)),
        3 => {
            steps.pop();
            steps.push(Operation::Download(View::Index, name, VERSIONS[0]));
            steps.push(Operation::Quarantine(
                Person::Mia,
                name,
                None,
                Quarantine::Hold,
            ));
        }
        _ => steps.clear(),
    }
    steps
}

fn operation(dice: &mut Dice, names: &[&'static str]) -> Operation {
    let publisher = [Person::Pat, Person::Pat, Person::Mia, Person::Ola];
    let anyone = [Person::Mia, Person::Pat, Person::Ola, Person::Rob];
    let maintainer = [
        Person::Mia,
        Person::Mia,
        Person::Mia,
        Person::Admin,
        Person::Pat,
    ];
    // mostly the first of the family and its first versions, or operations would seldom meet
    let name = names[dice.roll(names.len()).min(dice.roll(names.len()))];
    let version = VERSIONS[dice.roll(VERSIONS.len()).min(dice.roll(VERSIONS.len()))];
    let of = (dice.roll(3) > 0).then_some(version);
    let bytes = Bytes {
        name,
        version,
        flavour: u8::from(dice.roll(3) == 0),
    };
    // the upstream has no names with capitals: they would be the same file of its index
    let spelling = if name == "Foo-Bar" { "foo-bar" } else { name };
    let theirs = Bytes {
        name: spelling,
        ..bytes
    };
    match dice.roll(100) {
        0..20 => Operation::Publish(dice.pick(&publisher), bytes),
        20..22 => Operation::Publish(Person::Rob, bytes),
        22..30 => Operation::Yank(dice.pick(&anyone), name, version, dice.roll(3) > 0),
        30..37 => Operation::Claim(
            dice.pick(&maintainer),
            dice.pick(&CLAIMED),
            dice.pick(ClaimMode::ALL),
        ),
        37..42 => Operation::Unclaim(dice.pick(&maintainer), dice.pick(&CLAIMED)),
        42..47 => Operation::Download(dice.pick(&[View::Index, View::Mirror]), spelling, version),
        47..52 => Operation::Delete(dice.pick(&maintainer), name, of),
        52..55 => Operation::Restore(dice.pick(&maintainer), name, of),
        55..57 => Operation::Purge(dice.pick(&[Person::Admin, Person::Mia]), name, of),
        57..60 => Operation::Release(dice.pick(&maintainer), name),
        60..64 => {
            let action = dice.pick(&[Quarantine::Hold, Quarantine::Block]);
            Operation::Quarantine(dice.pick(&maintainer), name, of, action)
        }
        64..67 => Operation::Lift(dice.pick(&maintainer), name, of),
        67..69 => Operation::Patterns(dice.roll(ALLOW.len()), dice.roll(BLOCK.len())),
        69..79 => Operation::Appears(theirs),
        79..81 => Operation::UpstreamYanks(spelling, version, dice.roll(3) > 0),
        81..84 => Operation::Vanishes(spelling, (dice.roll(2) > 0).then_some(version)),
        84..87 => Operation::IndexFails(dice.pick(&[
            Failing::Status(500),
            Failing::Status(503),
            Failing::Status(403),
            Failing::Garbage,
            Failing::Page,
        ])),
        87..89 => Operation::FilesFail(dice.pick(&[
            Failing::Status(500),
            Failing::Status(404),
            Failing::Corrupted,
            Failing::Garbage,
            Failing::Broken,
        ])),
        89..93 => Operation::Heals,
        93..95 => Operation::Restart,
        _ => {
            let seconds = dice.pick(&[31, 61, 61, 3_600, 31 * 86_400]);
            Operation::Wait(Duration::from_secs(seconds))
        }
    }
}

impl Operation {
    /// One word for it; empty where nobody is asked.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Publish(..) => "publish",
            Self::Yank(.., true) => "yank",
            Self::Yank(.., false) => "unyank",
            Self::Claim(_, _, ClaimMode::Private) => "claim as private",
            Self::Claim(_, _, ClaimMode::Fork) => "claim as fork",
            Self::Claim(_, _, ClaimMode::Merge) => "claim as merge",
            Self::Unclaim(..) => "delete a claim",
            Self::Download(..) => "download",
            Self::Delete(_, _, Some(_)) => "delete a version",
            Self::Delete(_, _, None) => "delete a crate",
            Self::Restore(_, _, Some(_)) => "restore a version",
            Self::Restore(_, _, None) => "restore a crate",
            Self::Purge(_, _, Some(_)) => "purge a version",
            Self::Purge(_, _, None) => "purge a crate",
            Self::Release(..) => "release",
            Self::Quarantine(_, _, Some(_), _) => "quarantine a version",
            Self::Quarantine(_, _, None, _) => "quarantine a crate",
            Self::Lift(_, _, Some(_)) => "lift a version's quarantine",
            Self::Lift(_, _, None) => "lift a crate's quarantine",
            Self::Patterns(..) => "set patterns",
            _ => "",
        }
    }

    /// The crate that it is about.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Publish(_, bytes) | Self::Appears(bytes) => Some(bytes.name),
            Self::Yank(_, name, ..)
            | Self::Download(_, name, _)
            | Self::Delete(_, name, _)
            | Self::Restore(_, name, _)
            | Self::Purge(_, name, _)
            | Self::Release(_, name)
            | Self::Quarantine(_, name, ..)
            | Self::Lift(_, name, _)
            | Self::UpstreamYanks(name, ..)
            | Self::Vanishes(name, _) => Some(name),
            Self::Claim(..)
            | Self::Unclaim(..)
            | Self::Patterns(..)
            | Self::IndexFails(_)
            | Self::FilesFail(_)
            | Self::Heals
            | Self::Restart
            | Self::Wait(_) => None,
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            version,
            flavour,
        } = self;
        write!(
            f,
            "{name}@{version} with bytes {}",
            ["A", "B"][usize::from(*flavour)]
        )
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = |name: &str, version: Option<&str>| match version {
            Some(version) => format!("{name}@{version}"),
            None => format!("crate {name}"),
        };
        match self {
            Self::Publish(by, bytes) => write!(f, "{by:?} publishes {bytes}"),
            Self::Yank(by, name, version, true) => write!(f, "{by:?} yanks {name}@{version}"),
            Self::Yank(by, name, version, false) => write!(f, "{by:?} unyanks {name}@{version}"),
            Self::Claim(by, pattern, mode) => write!(f, "{by:?} claims {pattern} as {mode}"),
            Self::Unclaim(by, pattern) => write!(f, "{by:?} deletes the claim {pattern}"),
            Self::Download(view, name, version) => {
                write!(f, "somebody downloads {name}@{version} from view {view}")
            }
            Self::Delete(by, name, version) => {
                write!(f, "{by:?} deletes {}", what(name, *version))
            }
            Self::Restore(by, name, version) => {
                write!(f, "{by:?} restores {}", what(name, *version))
            }
            Self::Purge(by, name, version) => write!(f, "{by:?} purges {}", what(name, *version)),
            Self::Release(by, name) => write!(f, "{by:?} releases {name} to upstream"),
            Self::Quarantine(by, name, version, Quarantine::Hold) => {
                write!(f, "{by:?} holds {}", what(name, *version))
            }
            Self::Quarantine(by, name, version, Quarantine::Block) => {
                write!(f, "{by:?} blocks {}", what(name, *version))
            }
            Self::Lift(by, name, version) => {
                write!(f, "{by:?} lifts the quarantine of {}", what(name, *version))
            }
            Self::Patterns(allow, block) => write!(
                f,
                "Admin sets allow {:?} and block {:?}",
                ALLOW[*allow], BLOCK[*block]
            ),
            Self::Appears(bytes) => write!(f, "upstream has {bytes} from now on"),
            Self::UpstreamYanks(name, version, true) => {
                write!(f, "upstream yanks {name}@{version}")
            }
            Self::UpstreamYanks(name, version, false) => {
                write!(f, "upstream unyanks {name}@{version}")
            }
            Self::Vanishes(name, version) => write!(f, "upstream loses {}", what(name, *version)),
            Self::IndexFails(how) => write!(f, "upstream's index fails: {how:?}"),
            Self::FilesFail(how) => write!(f, "upstream's files fail: {how:?}"),
            Self::Heals => write!(f, "upstream is well again, 61s pass"),
            Self::Restart => write!(f, "the server ends and starts again, 61s pass"),
            Self::Wait(Duration::ZERO) => write!(f, "nothing, for a while"),
            Self::Wait(time) => write!(f, "{}s pass", time.as_secs()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let look = match self.look {
            Look::Status => "",
            Look::Views => "  [views compared]",
            Look::Downloads => "  [views and downloads compared]",
        };
        write!(f, "{}{look}", self.operation)
    }
}
