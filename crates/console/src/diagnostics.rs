//! What this program itself logs: into the drawer while the console is up, else to standard error.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What is logged when nothing is said.
const DEFAULT: &str = "warn,cupola=info,cupola_console=info,cupola_backend=info,\
                       cupola_drivers=info,cupola_rack=info";

fn filter(wanted: Option<&str>) -> EnvFilter {
    EnvFilter::try_new(wanted.unwrap_or(DEFAULT)).unwrap_or_else(|_| EnvFilter::new(DEFAULT))
}

/// Logs into the drawer from now on.
pub(crate) fn install(wanted: Option<&str>) {
    // Both fail only when logging is set up already, which is just as good.
    let _ = tui_logger::init_logger(tui_logger::LevelFilter::Trace);
    tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
    let _ = tracing_subscriber::registry()
        .with(filter(wanted))
        .with(tui_logger::TuiTracingSubscriberLayer)
        .try_init();
}
