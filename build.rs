//! Names the systems whose event loops the addon can watch, and prepares the link step of the Node
//! addon; the protocol core alone needs nothing.

fn main() {
    // Where Node's loop is libuv's and sockets are watched by epoll or kqueue.
    println!("cargo::rustc-check-cfg=cfg(has_loop)");
    // Set by hand for the tests that play every interleaving of two threads: see CONTRIBUTING.md.
    println!("cargo::rustc-check-cfg=cfg(model)");
    let system = std::env::var("CARGO_CFG_TARGET_OS");
    if matches!(system.as_deref(), Ok("linux" | "macos")) {
        println!("cargo::rustc-cfg=has_loop");
    }
    #[cfg(feature = "addon")]
    napi_build::setup();
}
