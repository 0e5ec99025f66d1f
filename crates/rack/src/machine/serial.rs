//! What a simulated machine does with what is typed into its serial port: under an operating system
//! it echoes, and its login prompt comes again after each line; nobody
//! gets in. A break is answered as the kernel does.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Inner, Running, operating_system};

/// What Linux says to a break with no key behind it.
const SYSRQ: &[u8] = b"\r\nsysrq: HELP : loglevel(0-9) reboot(b) crash(c) sync(s) unmount(u)\r\n";

/// Answers until the machine is gone.
pub(super) async fn listen(
    machine: Arc<Inner>,
    mut typed: mpsc::Receiver<Vec<u8>>,
    cancel: CancellationToken,
) {
    loop {
        let characters = tokio::select! {
            () = cancel.cancelled() => return,
            () = machine.serial.next_break() => {
                if *machine.running.borrow() == Running::OperatingSystem {
                    machine.serial.write(SYSRQ);
                }
                continue;
            }
            characters = typed.recv() => characters,
        };
        let Some(characters) = characters else {
            return;
        };
        if *machine.running.borrow() != Running::OperatingSystem {
            continue;
        }
        for character in characters {
            match character {
                b'\r' | b'\n' => prompt(&machine).await,
                shown => machine.serial.write(&[shown]),
            }
        }
    }
}

async fn prompt(machine: &Inner) {
    let system = operating_system::find(machine.disk.clone()).await;
    let hostname = match system {
        Ok(Some(system)) => system.hostname,
        Ok(None) | Err(_) => machine.spec.name.clone(),
    };
    let text = format!("\r\nLogin incorrect\r\n{hostname} login: ");
    machine.serial.write(text.as_bytes());
}
