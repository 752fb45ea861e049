//! What can happen to two registries and to the two upstreams elsewhere that they read through: the operations, how they are
//! drawn from a seed, and how they read.
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
    /// Administrator of both registries.
    Admin,
    /// Maintainer of both.
    Mia,
    /// A publisher.
    Pat,
    /// Another publisher.
    Ola,
    /// A reader of `acme`, who may not see `shared`.
    Rob,
    /// A reader of `shared`, who may not see `acme`.
    Sam,
}

/// A registry of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// May read through `shared`.
    Acme,
    Shared,
}

impl Place {
    /// What it reads through in the beginning, by its place in [`LISTS`].
    pub(crate) fn first_list(self) -> usize {
        match self {
            Self::Acme => 0,
            Self::Shared => 1,
        }
    }

    /// Who reads it, and nothing else.
    pub(crate) fn reader(self) -> Person {
        match self {
            Self::Acme => Person::Rob,
            Self::Shared => Person::Sam,
        }
    }
}

/// A registry elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Remote {
    A,
    B,
}

/// What a registry may read through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Upstream {
    Elsewhere(Remote),
    /// The registry `shared` of the same server.
    Shared,
}

/// An upstream in a registry's list, and which names it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) upstream: Upstream,
    pub(crate) only: &'static [&'static str],
    pub(crate) except: &'static [&'static str],
}

impl Attached {
    const fn to(upstream: Upstream) -> Self {
        Self {
            upstream,
            only: &[],
            except: &[],
        }
    }
}

const A: Attached = Attached::to(Upstream::Elsewhere(Remote::A));
const B: Attached = Attached::to(Upstream::Elsewhere(Remote::B));
const SHARED: Attached = Attached::to(Upstream::Shared);

/// Lists of upstreams that a registry may have.
pub(crate) const LISTS: [&[Attached]; 12] = [
    &[A],
    &[],
    &[A, B],
    &[B, A],
    &[B],
    &[
        Attached {
            except: &["acme-*"],
            ..A
        },
        B,
    ],
    &[
        Attached {
            only: &["foo-*", "solo"],
            ..B
        },
        A,
    ],
    &[SHARED, A, B],
    &[A, SHARED],
    &[B, SHARED, A],
    &[SHARED],
    &[SHARED, B],
];

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
    /// Somebody does something in a registry.
    In(Place, Deed),
    /// Something happens to a registry elsewhere.
    At(Remote, Event),
    Restart,
    Wait(Duration),
}

/// What somebody does in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
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
    /// The registry's upstreams, by their place in [`LISTS`].
    Attach(Person, usize),
    /// The name is read from this upstream from now on.
    Pin(Person, &'static str, Upstream),
}

/// What happens to a registry elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It gets a version, or other bytes for one that it has.
    Appears(Bytes),
    Yanks(&'static str, &'static str, bool),
    /// It loses a version, or the crate.
    Vanishes(&'static str, Option<&'static str>),
    IndexFails(Failing),
    FilesFail(Failing),
    Heals,
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

/// What a sequence plays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// `acme` with upstream A.
    One,
    /// `acme` with A and B.
    Two,
    /// `acme`, which reads through `shared` and others.
    Nested,
}

impl Scene {
    /// Lists of a registry that make sense in it.
    fn lists(self, place: Place) -> &'static [usize] {
        match (self, place) {
            (Self::One, _) => &[0, 0, 1],
            (Self::Two, _) => &[2, 3, 2, 3, 4, 0, 5, 6, 1],
            (Self::Nested, Place::Acme) => &[7, 8, 9, 10, 11, 7, 8, 9, 2, 4],
            (Self::Nested, Place::Shared) => &[0, 0, 1, 4, 2],
        }
    }

    fn place(self, dice: &mut Dice) -> Place {
        match self {
            Self::One | Self::Two => Place::Acme,
            Self::Nested => dice.pick(&[Place::Acme, Place::Shared]),
        }
    }

    fn remote(self, dice: &mut Dice) -> Remote {
        match self {
            Self::One => Remote::A,
            Self::Two | Self::Nested => dice.pick(&[Remote::A, Remote::B]),
        }
    }

    fn upstream(self, dice: &mut Dice) -> Upstream {
        if self == Self::Nested && dice.roll(2) == 0 {
            return Upstream::Shared;
        }
        Upstream::Elsewhere(self.remote(dice))
    }
}

/// 5 to 47 steps. A sequence stays with one or two families of names, for that is where things meet.
pub(crate) fn sequence(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let scene = dice.pick(&[
        Scene::One,
        Scene::One,
        Scene::Two,
        Scene::Two,
        Scene::Two,
        Scene::Nested,
        Scene::Nested,
        Scene::Nested,
    ]);
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
    let mut operations = opening(&mut dice, scene, names[0]);
    operations.extend((0..length).map(|_| operation(&mut dice, scene, names)));
    let step = |operation| Step {
        operation,
        look: look(),
    };
    operations.into_iter().map(step).collect()
}

/// The upstreams of the scene, and something to be had from them. Then in some sequences, what would seldom come about by chance: a crate that is there, gone,
/// given back, restored, purged, or held after somebody got it.
fn opening(dice: &mut Dice, scene: Scene, name: &'static str) -> Vec<Operation> {
    let places: &[Place] = match scene {
        Scene::One => &[],
        Scene::Two => &[Place::Acme],
        Scene::Nested => &[Place::Shared, Place::Acme],
    };
    let mut steps = Vec::new();
    for place in places {
        let list = dice.pick(scene.lists(*place));
        steps.push(Operation::In(*place, Deed::Attach(Person::Admin, list)));
    }
    let bytes = |flavour| Bytes {
        name: in_lower_case(name),
        version: VERSIONS[0],
        flavour,
    };
    for remote in [Remote::A, Remote::B] {
        if scene != Scene::One && dice.roll(3) > 0 {
            let flavour = u8::from(dice.roll(2) == 0);
            steps.push(Operation::At(remote, Event::Appears(bytes(flavour))));
        }
    }
    let bytes = bytes(0);
    let publish = Deed::Publish(Person::Mia, bytes);
    let delete = Deed::Delete(Person::Mia, name, None);
    let deeds = match dice.roll(8) {
        0 => vec![publish, delete, Deed::Release(Person::Mia, name)],
        1 => vec![publish, delete, Deed::Restore(Person::Mia, name, None)],
        2 => vec![publish, delete, Deed::Purge(Person::Admin, name, None)],
        3 => vec![
            publish,
            Deed::Download(View::Index, name, VERSIONS[0]),
            Deed::Quarantine(Person::Mia, name, None, Quarantine::Hold),
        ],
        _ => Vec::new(),
    };
    let place = scene.place(dice);
    steps.extend(deeds.into_iter().map(|deed| Operation::In(place, deed)));
    steps
}

/// What an operation is about.
struct Subject {
    name: &'static str,
    version: &'static str,
    /// The version, or none for the whole crate.
    of: Option<&'static str>,
    flavour: u8,
}

fn operation(dice: &mut Dice, scene: Scene, names: &[&'static str]) -> Operation {
    let version = VERSIONS[dice.roll(VERSIONS.len()).min(dice.roll(VERSIONS.len()))];
    let subject = Subject {
        // mostly the first of the family and its first versions, or operations would seldom meet
        name: names[dice.roll(names.len()).min(dice.roll(names.len()))],
        version,
        of: (dice.roll(3) > 0).then_some(version),
        flavour: u8::from(dice.roll(3) == 0),
    };
    match dice.roll(100) {
        0..69 => {
            let place = scene.place(dice);
            Operation::In(place, deed(dice, scene, place, &subject))
        }
        69..93 => Operation::At(scene.remote(dice), event(dice, &subject)),
        93..95 => Operation::Restart,
        _ => {
            let seconds = dice.pick(&[31, 61, 61, 3_600, 31 * 86_400]);
            Operation::Wait(Duration::from_secs(seconds))
        }
    }
}

/// No upstream has names with capitals: they would be the same file of its index.
fn in_lower_case(name: &'static str) -> &'static str {
    if name == "Foo-Bar" { "foo-bar" } else { name }
}

fn deed(dice: &mut Dice, scene: Scene, place: Place, subject: &Subject) -> Deed {
    let Subject {
        name, version, of, ..
    } = *subject;
    let bytes = Bytes {
        name,
        version,
        flavour: subject.flavour,
    };
    let publisher = [Person::Pat, Person::Pat, Person::Mia, Person::Ola];
    let anyone = [Person::Mia, Person::Pat, Person::Ola, place.reader()];
    let maintainer = [
        Person::Mia,
        Person::Mia,
        Person::Mia,
        Person::Admin,
        Person::Pat,
    ];
    match dice.roll(75) {
        0..20 => Deed::Publish(dice.pick(&publisher), bytes),
        20..22 => Deed::Publish(place.reader(), bytes),
        22..29 => Deed::Yank(dice.pick(&anyone), name, version, dice.roll(3) > 0),
        29..36 => Deed::Claim(
            dice.pick(&maintainer),
            dice.pick(&CLAIMED),
            dice.pick(ClaimMode::ALL),
        ),
        36..41 => Deed::Unclaim(dice.pick(&maintainer), dice.pick(&CLAIMED)),
        41..46 => {
            let view = dice.pick(&[View::Index, View::Mirror]);
            Deed::Download(view, in_lower_case(name), version)
        }
        46..51 => Deed::Delete(dice.pick(&maintainer), name, of),
        51..54 => Deed::Restore(dice.pick(&maintainer), name, of),
        54..56 => Deed::Purge(dice.pick(&[Person::Admin, Person::Mia]), name, of),
        56..59 => Deed::Release(dice.pick(&maintainer), name),
        59..63 => {
            let action = dice.pick(&[Quarantine::Hold, Quarantine::Block]);
            Deed::Quarantine(dice.pick(&maintainer), name, of, action)
        }
        63..66 => Deed::Lift(dice.pick(&maintainer), name, of),
        66..68 => Deed::Patterns(dice.roll(ALLOW.len()), dice.roll(BLOCK.len())),
        68..71 => {
            let admin = [Person::Admin, Person::Admin, Person::Admin, Person::Mia];
            Deed::Attach(dice.pick(&admin), dice.pick(scene.lists(place)))
        }
        _ => Deed::Pin(dice.pick(&maintainer), name, scene.upstream(dice)),
    }
}

fn event(dice: &mut Dice, subject: &Subject) -> Event {
    let version = subject.version;
    let name = in_lower_case(subject.name);
    match dice.roll(24) {
        0..10 => Event::Appears(Bytes {
            name,
            version,
            flavour: subject.flavour,
        }),
        10..12 => Event::Yanks(name, version, dice.roll(3) > 0),
        12..15 => Event::Vanishes(name, (dice.roll(2) > 0).then_some(version)),
        15..18 => Event::IndexFails(dice.pick(&[
            Failing::Status(500),
            Failing::Status(503),
            Failing::Status(403),
            Failing::Garbage,
            Failing::Page,
        ])),
        18..20 => Event::FilesFail(dice.pick(&[
            Failing::Status(500),
            Failing::Status(404),
            Failing::Corrupted,
            Failing::Garbage,
            Failing::Broken,
        ])),
        _ => Event::Heals,
    }
}

impl Operation {
    /// The crate that it is about.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::In(_, deed) => deed.name(),
            Self::At(_, event) => event.name(),
            Self::Restart | Self::Wait(_) => None,
        }
    }

    /// Whether it concerns the registry `shared`.
    pub(crate) fn needs_shared(&self) -> bool {
        let is_shared = |attached: &Attached| attached.upstream == Upstream::Shared;
        match self {
            Self::In(Place::Shared, _) | Self::In(_, Deed::Pin(_, _, Upstream::Shared)) => true,
            Self::In(_, Deed::Attach(_, list)) => LISTS[*list].iter().any(is_shared),
            Self::In(..) | Self::At(..) | Self::Restart | Self::Wait(_) => false,
        }
    }
}

impl Deed {
    /// One word for it.
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
            Self::Attach(..) => "set upstreams",
            Self::Pin(..) => "pin",
        }
    }

    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Publish(_, bytes) => Some(bytes.name),
            Self::Yank(_, name, ..)
            | Self::Download(_, name, _)
            | Self::Delete(_, name, _)
            | Self::Restore(_, name, _)
            | Self::Purge(_, name, _)
            | Self::Release(_, name)
            | Self::Quarantine(_, name, ..)
            | Self::Lift(_, name, _)
            | Self::Pin(_, name, _) => Some(name),
            Self::Claim(..) | Self::Unclaim(..) | Self::Patterns(..) | Self::Attach(..) => None,
        }
    }
}

impl Event {
    /// The crate that it is about.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Appears(bytes) => Some(bytes.name),
            Self::Yanks(name, ..) | Self::Vanishes(name, _) => Some(name),
            Self::IndexFails(_) | Self::FilesFail(_) | Self::Heals => None,
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

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Acme => "acme",
            Self::Shared => "shared",
        })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere(remote) => write!(f, "{remote:?}"),
            Self::Shared => f.write_str("shared"),
        }
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.upstream)?;
        if !self.only.is_empty() {
            write!(f, " for {:?} alone", self.only)?;
        }
        if !self.except.is_empty() {
            write!(f, " but for {:?}", self.except)?;
        }
        Ok(())
    }
}

fn what(name: &str, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{name}@{version}"),
        None => format!("crate {name}"),
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(place, deed) => write!(f, "{place}: {deed}"),
            Self::At(remote, event) => write!(f, "upstream {remote:?} {event}"),
            Self::Restart => write!(f, "the server ends and starts again, 61s pass"),
            Self::Wait(Duration::ZERO) => write!(f, "nothing, for a while"),
            Self::Wait(time) => write!(f, "{}s pass", time.as_secs()),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            Self::Attach(by, list) => {
                let list: Vec<_> = LISTS[*list].iter().map(ToString::to_string).collect();
                write!(f, "{by:?} lets it read through [{}]", list.join(", "))
            }
            Self::Pin(by, name, upstream) => write!(f, "{by:?} pins {name} to {upstream}"),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Appears(bytes) => write!(f, "has {bytes} from now on"),
            Self::Yanks(name, version, true) => write!(f, "yanks {name}@{version}"),
            Self::Yanks(name, version, false) => write!(f, "unyanks {name}@{version}"),
            Self::Vanishes(name, version) => write!(f, "loses {}", what(name, *version)),
            Self::IndexFails(how) => write!(f, "fails with its index: {how:?}"),
            Self::FilesFail(how) => write!(f, "fails with its files: {how:?}"),
            Self::Heals => write!(f, "is well again, 61s pass"),
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
