//! The certificate of a server that speaks TLS: read at the start, and again when it was renewed.

use std::{io, time::Duration};

use supercargo_http::{PairFile, PairFiles, PairRefused, Renewal, Tls};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::MissedTickBehavior,
};

use super::error::StartError;
use crate::configuration::{Sourced, TlsFiles};

/// Between two looks. A renewal comes weeks before the old certificate ends; what this is short for is a person who waits.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads the pair for the first time.
pub(super) fn open(files: &TlsFiles) -> Result<(Tls, Renewal), StartError> {
    let pair = PairFiles {
        certificate: files.certificate.value.clone(),
        key: files.key.value.clone(),
    };
    Tls::open(pair).map_err(|PairRefused { file, problem }| {
        let Sourced { value, origin } = match file {
            PairFile::Certificate => &files.certificate,
            PairFile::Key => &files.key,
        };
        StartError::Tls {
            key: setting(file),
            path: value.clone(),
            origin: origin.clone(),
            problem,
        }
    })
}

/// Starts to look for another pair, now and then and on SIGHUP, until the program ends.
///
/// # Errors
/// When the signal cannot be received. It counts from the call on.
pub(super) fn keep_fresh(mut renewal: Renewal) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                Some(()) = hangup.recv() => true,
            };
            // files may lie on a network that hangs
            let looked = tokio::task::spawn_blocking(move || {
                let outcome = if asked {
                    renewal.look_anew()
                } else {
                    renewal.look()
                };
                (renewal, outcome)
            });
            let Ok((back, outcome)) = looked.await else {
                tracing::error!("the certificate is not looked at any more until the next start");
                return;
            };
            renewal = back;
            tell(&renewal, outcome);
        }
    });
    Ok(())
}

fn tell(renewal: &Renewal, outcome: Result<bool, PairRefused>) {
    let path = |file| match file {
        PairFile::Certificate => renewal.files().certificate.display(),
        PairFile::Key => renewal.files().key.display(),
    };
    match outcome {
        Ok(false) => {}
        Ok(true) => {
            tracing::info!(path = %path(PairFile::Certificate), "new connections get the certificate that was read anew");
        }
        Err(PairRefused { file, problem }) => {
            let key = setting(file);
            tracing::error!(path = %path(file), "new connections still get the old certificate, for the file of `{key}` {problem}");
        }
    }
}

fn setting(file: PairFile) -> &'static str {
    match file {
        PairFile::Certificate => "tls.certificate",
        PairFile::Key => "tls.key",
    }
}
