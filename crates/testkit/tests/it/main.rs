//! The test kit tested: with the real cargo where cargo is the judge.

// `cfg(test)` always holds here; it tells clippy that functions beside the tests are test code too
#[cfg(test)]
mod cargo_home;
#[cfg(test)]
mod fake_upstream;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod server;
