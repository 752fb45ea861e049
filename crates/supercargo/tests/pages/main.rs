//! The pages for people, over HTTP as a browser without scripts has them: rows V1, V10, R1 and R11, and issue 6's "safe".

#![expect(
    clippy::unwrap_used,
    reason = "tests: a panic is how a test says that something is wrong"
)]

mod attacks;
mod frame;
mod hidden;
mod html;
mod reading;
mod scene;
mod tokens;
