//! A TFTP request and the client's packets of the transfer that follows, at the server.
#![no_main]

use cupola_drivers::boot::tftp::fuzzing::transfers;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| runtime.block_on(transfers(input)));
});
