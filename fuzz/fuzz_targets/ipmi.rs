//! RMCP+ datagrams of an attacker, at a BMC that has a session.
#![no_main]

use cupola_drivers::ipmi::wire::suite::CipherSuite;
use cupola_rack::bmc::fuzzing::{Wire, attack};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let suite = match input.first() {
        Some(first) if first & 0x80 == 0 => CipherSuite::Suite17,
        Some(_) | None => CipherSuite::Suite3,
    };
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let mut wire = Wire::logged_in(suite).await.expect("a session");
            attack(&mut wire, input).await;
        });
    });
});
