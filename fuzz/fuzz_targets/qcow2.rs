//! A qcow2 file from the network, written to a disk.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    cupola_agent::fuzzing::qcow2(file);
});
