#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| m_ld_engine::fuzzing::machine(bytes));
