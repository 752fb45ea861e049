//! When to end: SIGTERM from a service manager, Ctrl-C from a person.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Done at the first signal; requests under way may then finish. A second one ends the program at once: nothing is lost that
/// was answered, and a person who presses Ctrl-C twice means it.
///
/// Signals count from the call on, not from the first poll.
pub(super) fn shutdown() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("ending; requests under way may finish");
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    })
}

async fn either(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}
