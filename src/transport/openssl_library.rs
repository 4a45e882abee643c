//! OpenSSL as a whole.

#![expect(unsafe_code, reason = "the crate has no name for it")]

use std::ptr;
use std::sync::Once;

/// `OPENSSL_INIT_NO_LOAD_CONFIG` of `openssl/crypto.h`.
const NO_LOAD_CONFIG: u64 = 0x80;

/// Makes the library ready before anybody uses it.
///
/// OpenSSL reads no configuration file: the file of the machine, or of `OPENSSL_CONF`, is none that
/// Node has read. OpenSSL registers no exit handler either: that would free OpenSSL's state while
/// the thread that dials still makes a handshake, and `process.exit()` would end in a crash.
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
