//! Prepares the link step of the Node addon; the protocol core alone needs nothing.

fn main() {
    #[cfg(feature = "addon")]
    napi_build::setup();
}
