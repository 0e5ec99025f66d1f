//! A rule of a policy file.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    cupola_backend::policy::fuzzing::expression(text);
});
