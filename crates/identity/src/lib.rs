//! Who a signed statement of somebody else says you are.
//!
//! Two kinds of people bring such a statement: a job of a CI system, with a token that the system has signed ([`Issuers::job`]),
//! and a person who signs in with a provider ([`Issuers::begin`], [`Issuers::finish`]). What both need is here: whose keys are
//! asked for and how long they are believed ([`Issuers`]), which signatures count, and what a token must say.
//!
//! There is no SQL here, no HTTP route and no session, and nothing here knows what anybody may do. Issuers are reached through
//! `supercargo_upstream`, behind its guard against private addresses.
//!
//! # A job
//!
//! ```no_run
//! use supercargo_identity::{IssuerSettings, Issuers, TrustedPublisher};
//! use supercargo_types::{Clock, Random};
//! use supercargo_upstream::{ClientSettings, UpstreamClient};
//!
//! # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // once per process
//! let client = UpstreamClient::new(ClientSettings::default())?;
//! let issuers = Issuers::new(client, Clock::System, Random::System, IssuerSettings::default());
//!
//! // what an administrator writes, as JSON or as a `PublisherDraft`; an unsound rule is refused, with a sentence
//! let rule: TrustedPublisher = serde_json::from_str(
//!     r#"{
//!         "preset": "github",
//!         "audience": "https://crates.acme.example",
//!         "claims": { "repository": "acme/app", "ref": "refs/tags/v*", "environment": "release" }
//!     }"#,
//! )?;
//!
//! // what a job sends
//! match issuers.job(token, &[&rule]).await {
//!     Ok(job) => {
//!         // 1. store `job.once.key` until `job.once.until`, where it must be unique: there already, the token was used before
//!         // 2. give it what the rules at the places `job.rules` give, and `read` alone if `job.is_pull_request`
//!         println!("{} (run {:?}) until {}", job.subject, job.run, job.expires);
//!     }
//!     Err(rejected) => {
//!         // the sentence for the job shows nothing of the rules; the near miss is for the audit log
//!         println!("{rejected}");
//!         if let Some(missed) = rejected.nearest() {
//!             println!("rule {} {missed}", missed.rule);
//!         }
//!         // 503 rather than 401
//!         if rejected.issuer_failed().is_some() {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A person
//!
//! ```no_run
//! # use supercargo_identity::{Callback, Issuers, Pending, Provider, SignInFailed};
//! # async fn example(issuers: Issuers, query: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let provider = Provider {
//!     issuer: "https://id.acme.example".parse()?,
//!     client_id: "supercargo".to_owned(),
//!     client_secret: Some("…".to_owned().into()),
//!     scopes: vec!["groups".to_owned()],
//!     groups_claim: Some("groups".to_owned()),
//! };
//! let redirect_uri = "https://crates.acme.example/-/login/return";
//!
//! // a person wants to sign in: keep `pending` for this browser alone, and send it to `url`
//! let (url, pending) = issuers.begin(&provider, redirect_uri).await?;
//!
//! // the browser is back, with what was kept; forget that, whatever comes of it
//! let person = issuers.finish(&provider, pending, Callback::from_query(query)?).await?;
//! println!("{} of {}", person.subject, person.issuer);
//! # Ok(())
//! # }
//! ```

mod ci;
mod claimed;
mod discovery;
mod issuer;
mod issuers;
mod jwt;
mod keys;
mod pattern;
mod person;
mod preset;
mod publisher;
mod rejected;
mod shown;
mod sign_in;
mod visit;

pub use ci::{CiIdentity, NearMiss, Rejected, SingleUse, Unmet};
pub use issuer::{InvalidIssuer, IssuerUrl};
pub use issuers::{IssuerSettings, Issuers};
pub use pattern::{ClaimPattern, InvalidClaimPattern};
pub use person::Person;
pub use preset::{Preset, UnknownPreset};
pub use publisher::{InvalidPublisher, PublisherDraft, TrustedPublisher};
pub use rejected::{IssuerFailed, IssuerProblem, TokenRejected};
pub use sign_in::{ClientSecret, Provider, SignInFailed};
pub use visit::{Callback, Pending};
