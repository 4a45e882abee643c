#!/bin/sh
# The Rust tests of what threads share, under ThreadSanitizer:
#
#   scripts/thread-sanitizer.sh [FILTER...]
#
# Rust's standard library is compiled along, so that its locks and channels are seen through: rustup brings no sources
# that the stable compiler takes, Debian does (apt-get install rustc-web cargo-web rust-web-src libclang-rt-19-dev).
set -eu
cd "$(dirname "$0")/.."
sources=$(echo /usr/src/rustc-*/library)
runtime=$(ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.tsan-x86_64.a | tail -n 1)
[ -d "$sources/std" ] && [ -f "$runtime" ] || { echo "missing: see the head of $0" >&2; exit 1; }

export PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$sources"
# The runtime intercepts some functions of the C library that no program links any more; it must follow what calls it.
export RUSTFLAGS="-Zsanitizer=thread -Zexternal-clangrt -Clink-arg=-Wl,--whole-archive -Clink-arg=$runtime
  -Clink-arg=-Wl,--no-whole-archive,--export-dynamic,--unresolved-symbols=ignore-all
  -Clink-arg=-lstdc++ -Clink-arg=-lm -Clink-arg=-lc"
exec /usr/bin/cargo test --locked --lib --target x86_64-unknown-linux-gnu -Zbuild-std=std,panic_unwind \
  --target-dir target/threads -- "${@:-transport::}"
