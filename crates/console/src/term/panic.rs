//! Panics: recorded wherever they happen, shown once the terminal is itself again.
//!
//! A panic in a background task must neither write over the screen nor leave the terminal in the
//! console's hands: the hook only records and wakes the loop, which quits and restores.

use std::sync::OnceLock;

use parking_lot::Mutex;
use tokio::sync::Notify;

static REPORT: Mutex<Option<String>> = Mutex::new(None);
static RAISED: OnceLock<Notify> = OnceLock::new();

fn raised() -> &'static Notify {
    RAISED.get_or_init(Notify::new)
}

/// Installs the hook. Later panics are recorded; only the first one is kept.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        let backtrace = std::backtrace::Backtrace::capture();
        let mut report = format!("internal error in thread {name}: {info}");
        if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
            // What happened comes last, where it is still on the screen.
            report = format!("{backtrace}\n{report}");
        }
        REPORT.lock().get_or_insert(report);
        raised().notify_one();
    }));
}

/// Returns when something has panicked.
pub(crate) async fn happened() {
    raised().notified().await;
}

/// The report of the first panic, once.
pub(crate) fn report() -> Option<String> {
    REPORT.lock().take()
}
