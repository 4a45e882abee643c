//! Initialising OpenSSL.

#![expect(unsafe_code, reason = "the crate `openssl` has no safe function for it")]

use std::ptr;
use std::sync::Once;

/// `OPENSSL_INIT_NO_LOAD_CONFIG` of `openssl/crypto.h`.
const NO_LOAD_CONFIG: u64 = 0x80;

/// Initialises the library; has to be called before any other use of it.
///
/// OpenSSL then reads no configuration file, as Node reads neither that of the machine nor that of
/// `OPENSSL_CONF`. It registers no exit handler either: the handler would free OpenSSL's state in
/// `process.exit()` while the thread that dials may be within a handshake, and the process would
/// crash.
pub(super) fn initialise() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: may be called at any time, from any thread; without settings nothing is read.
        unsafe {
            openssl_sys::OPENSSL_init_ssl(
                NO_LOAD_CONFIG | openssl_sys::OPENSSL_INIT_NO_ATEXIT,
                ptr::null(),
            )
        };
    });
}
