//! Named moments at which a development build can be made to die as in a power cut, so that tests
//! can show what a restart finds after each of them. A release build holds none of this.
//!
//! `CUPOLA_CRASH_POINT=NAME` kills the process with SIGKILL the first time the point is reached,
//! `NAME:3` the third time. Not a way to inject errors: nothing is unwound, flushed or told.

use std::fmt;
#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

/// The environment variable that arms a point.
pub const VARIABLE: &str = "CUPOLA_CRASH_POINT";

macro_rules! points {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// A moment of a clean or deploy, before or after something that outlives the process.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CrashPoint { $($(#[$doc])* $variant,)* }

        impl CrashPoint {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the environment variable.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

points! {
    /// The node's lock is in the database, nothing was done with it.
    LockTaken => "lock_taken",
    /// The work is done, the lock still held.
    LockReleaseDue => "lock_release_due",
    /// The lock was given back.
    LockReleased => "lock_released",
    /// The list of steps was written, the state not moved yet.
    RunBegun => "run_begun",
    /// The config drive was built and is nowhere but in memory.
    ConfigDriveBuilt => "config_drive_built",
    /// The state is about to move.
    TransitionDue => "transition_due",
    /// The state has moved, no event says so yet.
    TransitionWritten => "transition_written",
    /// A step is about to be marked as running.
    StepStartDue => "step_start_due",
    /// A step is marked as running, nothing of it was done.
    StepStarted => "step_started",
    /// A step is marked as waiting, the state not moved yet.
    StepWaitWritten => "step_wait_written",
    /// What the node waits for was written, the state not moved yet.
    WaitWritten => "wait_written",
    /// The agent's steps were added to the list.
    StepsLearned => "steps_learned",
    /// A step has ended and is still marked as running or waiting.
    StepEndDue => "step_end_due",
    /// A step is marked as ended, no event says so yet.
    StepEnded => "step_ended",
    /// The image is published for the agent.
    ImagePublished => "image_published",
    /// Kernel and ramdisk are served to the machine.
    RamdiskPrepared => "ramdisk_prepared",
    /// Kernel and ramdisk are not served any more.
    RamdiskWithdrawn => "ramdisk_withdrawn",
    /// The BMC has taken the boot device.
    BootDeviceSet => "boot_device_set",
    /// The BMC is about to be told to change the power.
    PowerDue => "power_due",
    /// The machine's power has changed, the node does not say so yet.
    PowerChanged => "power_changed",
    /// The agent has its token, and was not told.
    TokenIssued => "token_issued",
    /// A heartbeat was written down and caused nothing yet.
    HeartbeatRecorded => "heartbeat_recorded",
    /// A command is about to be sent to the agent.
    AgentCommandDue => "agent_command_due",
    /// The agent has taken a command, nothing of that is written down.
    AgentCommandAnswered => "agent_command_answered",
    /// The agent has said how far its commands are.
    AgentPolled => "agent_polled",
    /// The instance is gone, the state not moved yet.
    TornDown => "torn_down",
    /// Events are about to be written.
    EventsDue => "events_due",
    /// Events were written.
    EventsWritten => "events_written",
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Dies here, when this point is armed.
#[cfg(debug_assertions)]
pub fn crash_point(point: CrashPoint) {
    let Some(armed) = armed() else { return };
    if armed.point == point && armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
        // Nothing can be done about a failure; the test then sees that the process lives.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
    }
}

/// Nothing: a release build has no crash points.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn crash_point(_: CrashPoint) {}

#[cfg(debug_assertions)]
struct Armed {
    point: CrashPoint,
    /// How often it has yet to be reached.
    left: AtomicU32,
}

#[cfg(debug_assertions)]
fn armed() -> Option<&'static Armed> {
    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
    ARMED
        .get_or_init(|| parse(&std::env::var(VARIABLE).ok()?))
        .as_ref()
}

#[cfg(debug_assertions)]
fn parse(text: &str) -> Option<Armed> {
    let (name, times) = match text.split_once(':') {
        Some((name, times)) => (name, times.parse().ok()?),
        None => (text, 1),
    };
    let point = CrashPoint::ALL.iter().find(|point| point.name() == name)?;
    Some(Armed {
        point: *point,
        left: AtomicU32::new(times),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for point in CrashPoint::ALL {
            let armed = parse(&format!("{point}:2")).expect("a point");
            assert_eq!((armed.point, armed.left.into_inner()), (*point, 2));
        }
        assert!(parse("nonsense").is_none());
    }
}
