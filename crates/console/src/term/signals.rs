//! Signals: end, hang-up, window change, continue.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// End: SIGTERM, SIGINT, SIGHUP, SIGQUIT.
    End(&'static str),
    /// The window changed its size, or the process goes on after a stop.
    Redraw,
}

/// Listens to all signals that matter.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
    window: Signal,
    resume: Signal,
}

impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            window: signal(SignalKind::window_change())?,
            resume: signal(SignalKind::from_raw(nix::libc::SIGCONT))?,
        })
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.hangup.recv() => Asked::End("SIGHUP"),
            _ = self.quit.recv() => Asked::End("SIGQUIT"),
            _ = self.window.recv() => Asked::Redraw,
            _ = self.resume.recv() => Asked::Redraw,
        }
    }
}
