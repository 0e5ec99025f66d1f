//! The body of a PATCH of a node.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    cupola_backend::http::fuzzing::json_patch(body);
});
