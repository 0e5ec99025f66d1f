//! Events in words, for timelines on the screen and on the command line.

use cupola_api::event::{BootService, Event, EventKind, Outcome, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How bad an event is, and what it says in one line.
pub(crate) fn describe(kind: &EventKind) -> (Severity, String) {
    match kind {
        EventKind::NodeChanged { summary } => {
            (Severity::Debug, format!("is {}", summary.provision_state))
        }
        EventKind::NodeDeleted { .. } => (Severity::Warning, "deleted".to_owned()),
        EventKind::Transition { from, to, cause } => {
            let text = format!("{from} -> {to} ({cause})");
            (unless(!to.is_failed(), Severity::Error), text)
        }
        EventKind::Power { state, cause } => (Severity::Info, format!("power: {state} ({cause})")),
        EventKind::StepStarted {
            phase,
            step,
            index,
            total,
        } => {
            let text = format!("{phase} step {index}/{total}: {step} starts");
            (Severity::Info, text)
        }
        EventKind::StepProgress {
            step,
            percent,
            message,
        } => {
            let percent = percent.map(|p| format!("{p}% ")).unwrap_or_default();
            (Severity::Info, format!("{step}: {percent}{message}"))
        }
        EventKind::StepFinished {
            step,
            outcome,
            message,
            duration_ms,
        } => finished(step, *outcome, message, *duration_ms),
        EventKind::BootContact {
            service,
            mac,
            message,
            ok,
            rung: _,
        } => {
            let mac = mac.map(|mac| format!(" {mac}")).unwrap_or_default();
            let text = format!("{}{mac}: {message}", service_name(*service));
            (unless(*ok, Severity::Warning), text)
        }
        EventKind::BmcCommand {
            command,
            ok,
            message,
            duration_ms,
            rung: _,
            remedy,
        } => {
            let took = duration(*duration_ms);
            let remedy = remedy.as_deref().map(|what| format!("; {what}"));
            let remedy = remedy.unwrap_or_default();
            let text = format!("BMC {command}: {message}{remedy} [{took}]");
            (unless(*ok, Severity::Error), text)
        }
        EventKind::Diagnosis(diagnosis) => (Severity::Error, format!("broken rung: {diagnosis}")),
        EventKind::Maintenance { on, reason } => {
            let why = reason.as_deref().map(|r| format!(": {r}"));
            let word = if *on { "on" } else { "off" };
            let text = format!("maintenance {word}{}", why.unwrap_or_default());
            (unless(!on, Severity::Warning), text)
        }
        EventKind::Log {
            severity,
            source,
            text,
        } => (*severity, format!("{source}: {text}")),
    }
}

const fn unless(well: bool, severity: Severity) -> Severity {
    if well { Severity::Info } else { severity }
}

fn finished(step: &str, outcome: Outcome, message: &str, took: u64) -> (Severity, String) {
    let took = duration(took);
    let message = if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    };
    match outcome {
        Outcome::Succeeded => (Severity::Info, format!("{step} done in {took}{message}")),
        Outcome::Failed => (
            Severity::Error,
            format!("{step} failed after {took}{message}"),
        ),
        Outcome::Aborted => (
            Severity::Warning,
            format!("{step} aborted after {took}{message}"),
        ),
    }
}

const fn service_name(service: BootService) -> &'static str {
    match service {
        BootService::Dhcp => "DHCP",
        BootService::Tftp => "TFTP",
        BootService::Http => "HTTP",
        BootService::Lookup => "agent lookup",
        BootService::Heartbeat => "agent heartbeat",
    }
}

/// A duration in milliseconds as a person reads it.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..=999 => format!("{milliseconds} ms"),
        1000..=9_999 => format!("{}.{} s", milliseconds / 1000, milliseconds / 100 % 10),
        _ => age(i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX)),
    }
}

/// How long ago, in at most six columns: `7s`, `3m05s`, `2h10m`, `4d03h`.
pub(crate) fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if minutes == 0 {
        format!("{seconds}s")
    } else if hours == 0 {
        format!("{minutes}m{:02}s", seconds % 60)
    } else if days == 0 {
        format!("{hours}h{:02}m", minutes % 60)
    } else if days < 100 {
        format!("{days}d{:02}h", hours % 24)
    } else {
        format!("{days}d")
    }
}

/// How long ago a moment was.
pub(crate) fn since(then: Timestamp, now: Timestamp) -> String {
    age(now.duration_since(then).as_secs())
}

/// The time of day of an event, in the zone of the person.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// A line of the command line's timeline.
pub(crate) fn line(event: &Event) -> String {
    let (severity, text) = describe(&event.kind);
    let word = match severity {
        Severity::Debug | Severity::Info => "",
        Severity::Warning => "WARNING ",
        Severity::Error => "ERROR ",
    };
    format!("{} {word}{text}", clock(event.at, &TimeZone::system()))
}

/// A count of things: `1 node`, `2 nodes`.
pub(crate) fn count(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fit_into_six_columns() {
        let cases = [
            (-5, "0s"),
            (59, "59s"),
            (185, "3m05s"),
            (7800, "2h10m"),
            (356_400, "4d03h"),
            (86_400 * 400, "400d"),
        ];
        for (seconds, want) in cases {
            assert_eq!(age(seconds), want);
            assert!(age(seconds).len() <= 6);
        }
        assert_eq!(duration(450), "450 ms");
        assert_eq!(duration(2500), "2.5 s");
    }
}
