//! DHCP messages of machines, relays and strangers, at the server and at proxyDHCP.
#![no_main]

use cupola_drivers::boot::dhcp::fuzzing::exchanges;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| runtime.block_on(exchanges(input)));
});
