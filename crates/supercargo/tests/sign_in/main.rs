//! People who sign in with a browser: with a password, or with a provider of OpenID Connect, which here is a certified one in a
//! process of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that panics has failed, and clippy knows only functions marked as tests"
)]

mod administration;
mod attacks;
mod groups;
mod linking;
mod passwords;
mod provider;
mod replicas;
mod scene;
mod sessions;
mod with_token;
