#!/bin/sh
# Builds the fuzz targets and runs each for some seconds, without cargo-fuzz:
#
#   fuzz/run.sh SECONDS [TARGET...]
#
# Needs a stable toolchain with a C++ compiler. What is found lands in fuzz/artifacts; new inputs in fuzz/found,
# which is not committed. NO_ASAN=1 leaves AddressSanitizer out, which is faster.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
targets=${*:-$(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2)}
triple=$(rustc -vV | sed -n 's/^host: //p')

# What cargo-fuzz passes: libFuzzer's counters. Its stable option names would need a nightly compiler.
export RUSTC_BOOTSTRAP=1
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0
  -Cdebug-assertions -Ccodegen-units=1"
if [ -z "${NO_ASAN:-}" ]; then flags="$flags -Zsanitizer=address"; fi
RUSTFLAGS=$flags cargo build --quiet --release --locked --manifest-path fuzz/Cargo.toml --target "$triple"

for target in $targets; do
  case $target in
    client_response | request_head) dictionary=http ;;
    extension_header) dictionary=extensions ;;
    server_receive) dictionary=frames ;;
    *) dictionary= ;;
  esac
  # Scenarios are built from an input; only long ones have many steps.
  case $target in round_trip | conversation) shape=-len_control=0 ;; *) shape= ;; esac
  mkdir -p "fuzz/found/$target" "fuzz/artifacts/$target"
  known=$(for folder in "fuzz/corpus/$target" "fuzz/seeds/$target"; do [ -d "$folder" ] && echo "$folder"; done || true)
  log=fuzz/found/$target.log
  if ! "fuzz/target/$triple/release/$target" "fuzz/found/$target" $known ${dictionary:+-dict=fuzz/dictionaries/$dictionary.dict} \
    $shape -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="fuzz/artifacts/$target/" > "$log" 2>&1; then
    tail -n 40 "$log"
    echo "$target: found something; see fuzz/artifacts/$target" >&2
    exit 1
  fi
  echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, $(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)"
done
