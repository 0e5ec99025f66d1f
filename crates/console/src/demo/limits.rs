//! How many machines this process may simulate: each needs open files for its BMC, firmware, agent
//! and disk.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Open files of one machine at the most: BMC, agent's listener, two connections, disk.
const FILES_PER_MACHINE: u64 = 6;
/// Open files of everything else.
const FILES_BESIDES: u64 = 256;

/// Raises the limit of open files as far as this process may, and says whether so many machines
/// fit; the error is the number that does.
pub(super) fn make_room(machines: usize) -> Result<(), u64> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    let wanted = FILES_BESIDES + FILES_PER_MACHINE * machines as u64;
    if wanted <= soft {
        return Ok(());
    }
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    if wanted <= limit {
        Ok(())
    } else {
        Err(limit.saturating_sub(FILES_BESIDES) / FILES_PER_MACHINE)
    }
}
