#!/bin/sh
# fuzz.sh BUILD SECONDS NAME...: each parser under libFuzzer, two at a time. What fails is kept in
# BUILD/fuzz/found; put it into tests/data/fuzz/NAME when it is mended.
set -u
build=$1 seconds=$2
shift 2
cd "$(dirname "$0")/.." || exit 1
mkdir -p "$build/fuzz/found"
: >"$build/fuzz/failed"

# Real files are where it begins.
seeds() {
    case $1 in
    npy) set -- '*.npy' ;;
    npz) set -- '*.npz' ;;
    safetensors) set -- '*.safetensors' ;;
    keras) set -- '*.keras' -o -name '*.h5' ;;
    onnx) set -- '*.onnx' ;;
    *) set -- '*.json' ;;
    esac
    find tests/data -type f -size -64k \( -name "$@" \)
}

fuzz() {
    corpus=$build/fuzz/corpus/$1
    mkdir -p "$corpus" "tests/data/fuzz/$1"
    seeds "$1" | while read -r file; do cp "$file" "$corpus/seed-$(echo "$file" | tr / -)"; done
    cp tests/data/fuzz/"$1"/* "$corpus" 2>/dev/null
    log=$build/fuzz/$1.log
    if ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 "$build/fuzz/fuzz_$1" \
        -max_total_time="$seconds" -timeout=5 -malloc_limit_mb=256 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$build/fuzz/found/$1-" "$corpus" >"$log" 2>&1; then
        echo "fuzz: $1: $(sed -n 's/stat::number_of_executed_units: *//p' "$log") runs, nothing found"
    else
        echo "fuzz: $1: FOUND, see $log"
        grep -E 'ERROR|SUMMARY|runtime error' "$log" | head -3
        echo "$1" >>"$build/fuzz/failed"
    fi
}

running=0
for name in "$@"; do
    fuzz "$name" &
    running=$((running + 1))
    [ $((running % 2)) -ne 0 ] || wait
done
wait
test ! -s "$build/fuzz/failed"
