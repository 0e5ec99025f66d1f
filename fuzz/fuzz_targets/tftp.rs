//! TFTP datagrams of machines, at the server.
#![no_main]

libfuzzer_sys::fuzz_target!(|datagram: &[u8]| {
    cupola_drivers::boot::fuzzing::tftp(datagram);
});
