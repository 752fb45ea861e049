//! Asks for everything as everybody, and compares what comes with what the table says.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Method;
use serde_json::{Value, json};
use supercargo_types::InstanceRole;

use crate::{
    judge::{Place, Verdict, judge, standing},
    people::{ELSEWHERE, Kind, NOWHERE, PLACES, Person, Secret, Token, everybody, text},
    requests::{NOBODYS, Sample, sample},
    table::{Row, Who, rows},
    world::{Answer, Sent, World},
};

/// As many are shown; the rest is counted.
const SHOWN: usize = 40;

struct Walk {
    world: World,
    rows: Vec<Row>,
    turn: AtomicUsize,
    asked: AtomicUsize,
    /// Ids of tokens by principal, which nobody ends.
    tokens: Mutex<HashMap<String, String>>,
}

/// Every line for everybody. Registries have nothing to do with each other, so each is walked beside the others.
pub(crate) async fn everything() {
    let world = World::start().await;
    let people = everybody(&world).await;
    let walk = Arc::new(Walk {
        world,
        rows: rows(),
        turn: AtomicUsize::new(1),
        asked: AtomicUsize::new(0),
        tokens: Mutex::default(),
    });
    let mut walks = Vec::new();
    for place in PLACES {
        let (walk, people) = (Arc::clone(&walk), people[place.name].clone());
        walks.push(tokio::spawn(async move {
            walk.through(&people, &place, Row::is_of_registry).await
        }));
    }
    let at_home = PLACES[0];
    let people = &people[at_home.name];
    let (one, few) = (Arc::clone(&walk), people.clone());
    walks.push(tokio::spawn(async move {
        let is_mine = |row: &Row| !row.is_of_registry() && !ends_sessions(row);
        one.through(&few, &at_home, is_mine).await
    }));
    let mut wrong = Vec::new();
    for walk in walks {
        wrong.extend(walk.await.expect("a walk does not panic"));
    }
    for place in PLACES {
        wrong.extend(walk.lists(people, &place).await);
    }
    // after all that is asked with sessions
    wrong.extend(walk.through(people, &at_home, ends_sessions).await);
    let asked = walk.asked.load(Ordering::Relaxed);
    println!("{asked} requests");
    assert!(
        wrong.is_empty(),
        "{} of {asked} answers are not what `table.txt` says:\n\n{}",
        wrong.len(),
        told(&wrong)
    );
}

fn ends_sessions(row: &Row) -> bool {
    row.address.starts_with("/api/v1/sessions")
}

/// By line, so that one mistake does not hide the next.
fn told(wrong: &[(String, String)]) -> String {
    let mut by_row: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (row, what) in wrong {
        by_row.entry(row).or_default().push(what);
    }
    let each = (SHOWN / by_row.len()).max(3);
    let mut text = String::new();
    for (row, whats) in by_row {
        writeln!(text, "{row}: {} times, as", whats.len()).unwrap();
        for what in whats.iter().take(each) {
            writeln!(text, "  {what}").unwrap();
        }
    }
    text
}

/// Somebody at an address.
struct Visit<'a> {
    row: &'a Row,
    person: &'a Person,
    token: Option<&'a Token>,
    place: &'a Place,
}

impl Visit<'_> {
    /// Whether the line is about a registry that must be to them as one that is not there.
    fn sees_nothing(&self) -> bool {
        let Self {
            row,
            person,
            token,
            place,
        } = *self;
        let counts = |token: &&Token| {
            (row.is_feed() || token.is_session == row.is_page())
                && ![Kind::Bad, Kind::Nobody].contains(&person.kind)
        };
        let token = token.filter(counts);
        // a token that is limited to a registry tells that one from others, be it there or not
        let knows_name = row.case.as_deref() == Some("for a service account of {registry}")
            && token.is_some_and(|token| token.registries.is_some());
        row.is_of_registry()
            && row.who != Who::All
            && standing(person, token, place).is_none()
            && !knows_name
    }
}

impl Walk {
    async fn through(
        &self,
        people: &[Person],
        place: &Place,
        is_mine: fn(&Row) -> bool,
    ) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for row in self.rows.iter().filter(|row| is_mine(row)) {
            for person in people {
                let tokens = person
                    .tokens
                    .iter()
                    .filter(|token| shows_more(token, person, row, place));
                let nothing = (person.kind == Kind::Nobody).then_some(None);
                for token in tokens.map(Some).chain(nothing) {
                    let visit = Visit {
                        row,
                        person,
                        token,
                        place,
                    };
                    if let Err(what) = self.ask(&visit).await {
                        let label = token.map_or("nothing", |token| &token.label);
                        let what = format!("{} ({label}) in {}: {what}", person.name, place.name);
                        wrong.push((row.to_string(), what));
                    }
                }
            }
        }
        wrong
    }

    /// Whether a registry is in lists exactly for those who may see it.
    async fn lists(&self, people: &[Person], place: &Place) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for person in people.iter().filter(|person| person.kind != Kind::Bad) {
            for token in &person.tokens {
                let token = Some(token).filter(|_| person.kind != Kind::Nobody);
                let pages = ["/", "/-/search?q=demo"];
                let lists = match token {
                    Some(token) if !token.is_session => &["/api/v1/registries"][..],
                    _ => &pages[..],
                };
                for path in lists {
                    let secret = token.map(|token| &token.secret);
                    let answer = self.world.send(&Method::GET, path, secret, None).await;
                    let is_listed = answer.status == 200 && answer.text().contains(place.name);
                    let is_visible = standing(person, token, place).is_some();
                    if is_listed != is_visible {
                        let what =
                            format!("{}: {} is listed: {is_listed}", person.name, place.name);
                        wrong.push(((*path).to_owned(), what));
                    }
                }
            }
        }
        wrong
    }

    async fn ask(&self, visit: &Visit<'_>) -> Result<(), String> {
        let Visit {
            row,
            person,
            token,
            place,
        } = *visit;
        let verdict = judge(row, person, token, place, &PLACES);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut asked = sample(row, place.name, turn);
        let mut secret = token.map(|token| token.secret.clone());
        let subject = self.prepare(visit, verdict, &mut asked, &mut secret);
        let subject = subject.await;
        let secret = secret.as_ref();
        // a form has to be one of ours before anything is said of what it is about
        let proves = match verdict {
            Verdict::Answer => row.who == Who::User || row.is_page() && row.who != Who::All,
            Verdict::Hidden | Verdict::Refused | Verdict::NotThere => row.is_page(),
            Verdict::SignIn => false,
        };
        if proves {
            self.prove(&mut asked, secret).await?;
        }
        let answer = self.send(&asked, secret).await;
        compare(&answer, verdict, &asked, row)?;
        let is_usual = token.is_none_or(|token| token.label == "everything" || token.is_session);
        if asked.method == Method::GET && is_usual {
            asked.method = Method::HEAD;
            let head = self.send(&asked, secret).await;
            if head.status != answer.status {
                return Err(format!("HEAD is {}, and GET {answer}", head.status));
            }
        }
        if visit.sees_nothing() {
            let mut absent = sample(row, NOWHERE, turn);
            if proves {
                self.prove(&mut absent, secret).await?;
            }
            let absent = self.send(&absent, secret).await;
            let subject = subject.as_deref().unwrap_or(NOBODYS);
            let hidden = shown(&answer, place).replace(subject, "SUBJECT");
            let absent = shown(&absent, place).replace(NOBODYS, "SUBJECT");
            if hidden != absent {
                return Err(format!("hidden:\n{hidden}\n  and absent:\n{absent}"));
            }
        }
        Ok(())
    }

    /// Makes a form one of ours; as it was, it has to be refused.
    async fn prove(&self, asked: &mut Sample, secret: Option<&Secret>) -> Result<(), String> {
        let bare = match (&asked.sent, secret) {
            (Some(Sent::Form(_) | Sent::Upload(..)), Some(_)) => self.send(asked, secret).await,
            _ => return Ok(()),
        };
        if bare.status != 403 {
            return Err(format!(
                "a form that may be a stranger's is answered {bare}"
            ));
        }
        let page = Method::GET;
        let page = self.world.send(&page, "/-/account", secret, None).await;
        let text = page.text();
        let proof = text.split_once("name=\"csrf\" value=\"");
        let proof = proof.and_then(|(_, rest)| rest.split('"').next());
        let proof = proof.ok_or_else(|| format!("no form on {page}"))?;
        match &mut asked.sent {
            Some(Sent::Form(form)) => {
                form.push_str("&csrf=");
                form.push_str(proof);
            }
            Some(Sent::Upload(known, _)) => proof.clone_into(known),
            _ => {}
        }
        Ok(())
    }

    /// What has to be there for a request that is allowed; gives the id of what it is about, where that is known only now.
    async fn prepare(
        &self,
        visit: &Visit<'_>,
        verdict: Verdict,
        asked: &mut Sample,
        secret: &mut Option<Secret>,
    ) -> Option<String> {
        let world = &self.world;
        if asked.ends_token && verdict == Verdict::Answer {
            *secret = Some(self.another(visit).await);
        }
        let subject = match visit.row.address.as_str() {
            "/api/v1/tokens/{token}" => Some(self.token_id(visit, verdict, secret.as_ref()).await),
            "/api/v1/sessions/{id}" => Some(self.session_id(visit, verdict).await),
            _ => None,
        };
        if let Some(id) = &subject {
            asked.path = asked.path.replace(NOBODYS, id);
        }
        if verdict == Verdict::Answer {
            for (method, path, sent) in &asked.before {
                let sent = sent.clone().map(Sent::Json);
                let done = world.send(method, path, Some(&world.boss), sent.as_ref());
                let done = done.await;
                let is_good = done.status < 300 || done.status == 409;
                assert!(is_good, "{method} {path}: {done}");
            }
        }
        subject
    }

    /// A token like the one that is asked with, to be ended.
    async fn another(&self, visit: &Visit<'_>) -> Secret {
        let token = visit.token.expect("invariant: only who has one may");
        let person = visit.person;
        Secret::Token(if person.kind == Kind::Job {
            let (_, rule) = person.name.split_once('.').unwrap();
            let registry = token.registries.as_ref().unwrap()[0].clone();
            self.world.job_by(rule, &registry).await
        } else {
            self.world.token(&person.name, token).await
        })
    }

    /// The id of the token that a line is about.
    async fn token_id(
        &self,
        visit: &Visit<'_>,
        verdict: Verdict,
        secret: Option<&Secret>,
    ) -> String {
        let Visit {
            row,
            person,
            token,
            place,
        } = *visit;
        let of = match row.case.as_deref() {
            Some("itself") => secret.cloned(),
            Some("one's own") if token.is_some() && person.kind != Kind::Bad => {
                return self.id_of(&person.name, row, verdict).await;
            }
            Some("one's own") => None,
            Some("another's") => return self.id_of("extra", row, verdict).await,
            _ => {
                return self
                    .id_of(&format!("service:own-{}", place.name), row, verdict)
                    .await;
            }
        };
        match of {
            Some(secret) => self.id(&secret).await,
            None => NOBODYS.to_owned(),
        }
    }

    async fn id(&self, secret: &Secret) -> String {
        let me = self
            .world
            .send(&Method::GET, "/api/v1/me", Some(secret), None);
        let me: Value = serde_json::from_slice(&me.await.body).unwrap_or_default();
        me["token"]["id"].as_str().unwrap_or(NOBODYS).to_owned()
    }

    /// Of a token of somebody: another one each time, where it will end.
    async fn id_of(&self, principal: &str, row: &Row, verdict: Verdict) -> String {
        let ends = row.method == "DELETE" && verdict == Verdict::Answer;
        let known = self.tokens.lock().unwrap().get(principal).cloned();
        if let Some(id) = known.filter(|_| !ends) {
            return id;
        }
        let job = principal
            .strip_prefix("job:")
            .and_then(|job| job.split_once('.'));
        let id = if let Some((registry, rule)) = job {
            let secret = Secret::Token(self.world.job_by(rule, registry).await);
            self.id(&secret).await
        } else {
            let made = json!({ "name": "more", "principal": principal });
            text(&self.world.post("/api/v1/tokens", made).await, "id")
        };
        if !ends {
            let mut tokens = self.tokens.lock().unwrap();
            tokens.insert(principal.to_owned(), id.clone());
        }
        id
    }

    /// The id of the session that a line is about.
    async fn session_id(&self, visit: &Visit<'_>, verdict: Verdict) -> String {
        let is_own = visit.row.case.as_deref() == Some("one's own");
        let user = match visit.person.kind {
            Kind::User if is_own => &visit.person.name,
            _ => "extra",
        };
        let mut session = self.world.session_of(user).await;
        if session.is_none() || verdict == Verdict::Answer {
            self.world.session(user).await;
            session = self.world.session_of(user).await;
        }
        session.expect("invariant: one was begun")
    }

    async fn send(&self, sample: &Sample, credential: Option<&Secret>) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let Sample {
            method, path, sent, ..
        } = sample;
        self.world
            .send(method, path, credential, sent.as_ref())
            .await
    }
}

/// Whether it is worth to ask with a token: what is like another one is left out. Tokens that are limited to another registry
/// than where things are asked are like each other, and so are those that are nothing to a page, and sessions in the API.
fn shows_more(token: &Token, person: &Person, row: &Row, place: &Place) -> bool {
    let could_do_most = person.instance_role == InstanceRole::Admin;
    match (row.is_page(), token.is_session) {
        (true, true) => true,
        (false, true) => could_do_most,
        (true, false) => token.label == "everything",
        (false, false) => match token.label.strip_prefix("in ") {
            Some(registry) => [place.name, ELSEWHERE.name].contains(&registry),
            None => true,
        },
    }
}

/// Whether an answer is what a verdict means at this address.
fn compare(answer: &Answer, verdict: Verdict, asked: &Sample, row: &Row) -> Result<(), String> {
    let is_cargos = row.is_cargos();
    let tells_of_no_registry = answer.text().contains("there is no registry");
    let is_verdict = match verdict {
        Verdict::Answer => asked.statuses.contains(&answer.status) && !tells_of_no_registry,
        Verdict::SignIn if row.is_page() => answer.status == 303,
        Verdict::SignIn => answer.status == 401 && answer.headers.contains_key("www-authenticate"),
        Verdict::Refused => answer.status == 403 && !tells_of_no_registry,
        Verdict::NotThere => answer.status == 404 && !tells_of_no_registry,
        Verdict::Hidden if row.is_page() || row.is_feed() => answer.status == 404,
        Verdict::Hidden if is_cargos => answer.status == 403 && tells_of_no_registry,
        Verdict::Hidden if row.names_registry_in_path() => {
            answer.status == 404 && answer.code().as_deref() == Some("no-such-registry")
        }
        // in the request it is one mistake of several; that it is told as for one that does not exist is compared below
        Verdict::Hidden => (400..500).contains(&answer.status),
    };
    if is_verdict {
        return Ok(());
    }
    let meant = match verdict {
        Verdict::Answer => format!("may, which is answered {:?}", asked.statuses),
        verdict => format!("{verdict:?}"),
    };
    Err(format!("{meant}, not {answer}"))
}

/// All of an answer but what differs with the name of the registry and with the time.
fn shown(answer: &Answer, place: &Place) -> String {
    let header = |name: &http::HeaderName, value: &http::HeaderValue| {
        format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| header(name, value))
        .collect();
    headers.sort();
    let whole = format!("{}\n{}\n{}", answer.status, headers.concat(), answer.text());
    // a page's own, in each answer other ones
    let own = [
        ("'nonce-", '\'', "NONCE"),
        ("name=\"csrf\" value=\"", '"', "PROOF"),
    ];
    let whole = own.into_iter().fold(whole, |whole, (before, after, word)| {
        let own = whole
            .split_once(before)
            .and_then(|(_, rest)| rest.split(after).next());
        match own {
            Some(own) => whole.replace(own, word),
            None => whole,
        }
    });
    [place.name, NOWHERE].into_iter().fold(whole, |text, name| {
        text.replace(name, "REGISTRY")
            .replace(&name.to_uppercase(), "REGISTRY")
    })
}
