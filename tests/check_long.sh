#!/bin/sh
# check_long.sh BUILD [PART...]: the suites of numbers on every driver that can be had, every kernel under
# Oclgrind, and the test program under sanitizers: all of pocl, rusticl, intel, oclgrind, sanitizers, or the
# parts that are named. It says what ran; fails if anything failed.
set -u
build=${1:-build}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/.." || exit 1
root=$PWD
given=$build # as make knows it
case $build in /*) ;; *) build=$root/$build ;; esac
jobs=$(nproc 2>/dev/null || echo 2)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
failed=0
ran=
skipped=

# verdict NAME STATUS START
verdict() {
    if [ "$2" -eq 0 ]; then
        printf 'check-long: %-28s fine, %d s\n' "$1" $(($(date +%s) - $3))
        ran="$ran, $1"
    else
        printf 'check-long: %-28s FAILED, %d s\n' "$1" $(($(date +%s) - $3))
        failed=$((failed + 1))
    fi
}

skip() {
    printf 'check-long: %-28s skipped: %s\n' "$1" "$2"
    skipped="$skipped, $1"
}

# suite SUITE NAME [VARIABLE=VALUE ...]: a suite, or SUITE/CASE, of the test program with these drivers.
suite() {
    what=$1
    name=$2
    shift 2
    case $what in */*) set -- CK_RUN_CASE="${what#*/}" "$@" ;; esac
    start=$(date +%s)
    env CK_FORK=no CK_RUN_SUITE="${what%%/*}" CLRNN_PROGRAM="$build/clrnn" "$@" timeout 3600 \
        "$build/check_clrnn" >"$work/out" 2>&1
    status=$?
    grep -q '^100%: Checks: [1-9]' "$work/out" || status=1
    [ "$status" -eq 0 ] || tail -n 12 "$work/out"
    sed -n 's/^drivers: /check-long: /p' "$work/out"
    verdict "$name: $what" "$status" "$start"
}

pocl() {
    icd=$(grep -l -s pocl /etc/OpenCL/vendors/*.icd | head -n 1)
    if [ -z "$icd" ]; then
        skip PoCL 'no pocl in /etc/OpenCL/vendors'
        return
    fi
    mkdir "$work/pocl" "$work/pocl.icd" && cp "$icd" "$work/pocl.icd"
    for threads in 1 2 4; do
        suite forward "PoCL, $threads threads" OCL_ICD_VENDORS="$work/pocl.icd" \
            POCL_MAX_PTHREAD_COUNT=$threads POCL_CACHE_DIR="$work/pocl"
    done
    # 20,000 random nets, 10^5 single steps, T = 10^5 and N = 4,096, an array of more than 2^31
    # elements (12 GB of memory), and both engines tuned
    for what in table pool sizes tune persist drivers; do
        suite $what PoCL OCL_ICD_VENDORS="$work/pocl.icd" POCL_CACHE_DIR="$work/pocl" CLRNN_LONG=1
    done
}

rusticl() {
    library=$(find /usr/lib /usr/local/lib -name 'libRusticlOpenCL.so.1' 2>/dev/null | head -n 1)
    if [ -z "$library" ]; then
        skip 'rusticl on llvmpipe' 'no libRusticlOpenCL.so.1 (Debian: mesa-opencl-icd)'
        return
    fi
    for what in 'drivers/as a GPU' persist/words; do
        suite "$what" 'rusticl on llvmpipe' RUSTICL_ENABLE=llvmpipe OCL_ICD_VENDORS="$library" CLRNN_LONG=1
    done
    # Its compiler takes 40 s over a panel of the vanilla cell, and minutes over others.
    suite 'drivers/as a CPU' 'rusticl on llvmpipe, rnn' RUSTICL_ENABLE=llvmpipe OCL_ICD_VENDORS="$library" \
        CLRNN_PROBLEM="$(sed -n 's/^[0-9a-f]* \(cell=rnn,.*\)/\1/p' tests/data/checksums.txt | head -n 1)"
    # what a user does; and since it flushes denormals, strict must say so, and say that alone
    start=$(date +%s)
    run() {
        RUSTICL_ENABLE=llvmpipe OCL_ICD_VENDORS="$library" timeout 600 "$build/clrnn" run -q "$@" \
            tests/data/seed_numpy.npz -i tests/data/seed_x.npy
    }
    status=0
    run --sha256 -e cpu >"$work/expected" 2>&1 || status=1
    run --sha256 -e opencl >"$work/out" 2>&1 && cmp "$work/expected" "$work/out" || status=1
    [ "$status" -eq 0 ] || tail -n 3 "$work/out"
    run --strict -e opencl >"$work/out" 2>&1 && status=1
    grep -q 'strict needs IEEE arithmetic with denormals' "$work/out" || status=1
    [ "$status" -eq 0 ] || tail -n 3 "$work/out"
    verdict 'rusticl on llvmpipe: clrnn run' "$status" "$start"
}

# Intel's CPU runtime: $CLRNN_INTEL_VENDORS holds its .icd file, or it is installed into the build.
intel() {
    vendors=${CLRNN_INTEL_VENDORS:-}
    libraries=${CLRNN_INTEL_LIBRARIES:-${LD_LIBRARY_PATH:-}}
    if [ -z "$vendors" ]; then
        venv=$build/intel-venv
        vendors=$venv/vendors
        libraries=$venv/lib
        if [ ! -e "$venv/lib/libintelocl.so" ] && ! {
            python3 -m venv "$venv" &&
                timeout 900 "$venv/bin/pip" install -q intel-opencl-rt intel-cmplr-lib-rt
        } >"$work/pip" 2>&1; then
            skip 'Intel CPU runtime' "$(tail -n 1 "$work/pip")"
            return
        fi
        mkdir -p "$vendors" && echo "$venv/lib/libintelocl.so" >"$vendors/intel.icd"
    fi
    for what in forward strict golden custom persist lending weights; do
        suite $what 'Intel CPU runtime' OCL_ICD_VENDORS="$vendors" LD_LIBRARY_PATH="$libraries"
    done
    suite table 'Intel CPU runtime' OCL_ICD_VENDORS="$vendors" LD_LIBRARY_PATH="$libraries" \
        CLRNN_CASES=300
    suite drivers 'Intel CPU runtime' OCL_ICD_VENDORS="$vendors" LD_LIBRARY_PATH="$libraries" \
        CLRNN_LONG=1
}

# The whole table on the simulator, and groups that meet or give up: an empty log, the table's bits, and as
# many launches as there must be. A log alone proves nothing.
oclgrind() {
    icd=$(find /usr/lib /usr/local/lib -name 'liboclgrind-rt-icd.so' 2>/dev/null | head -n 1)
    if [ -z "$icd" ]; then
        skip Oclgrind 'no liboclgrind-rt-icd.so (Debian: oclgrind)'
        return
    fi
    start=$(date +%s)
    mkdir "$work/oclgrind"
    cat >"$work/case" <<END
#!/bin/sh
# case NUMBER SUITE CASE PROBLEM. The options are those of a GPU's limits; groups interleave only with
# several threads, and the check for uninitialised values needs code as written, with no function inlined
# (kernels/common.cl). The log is standard error: a file of OCLGRIND_LOG begins anew with every context.
out=$work/oclgrind/\$1
[ "\$4" = - ] || export CLRNN_PROBLEM="\$4"
OCL_ICD_VENDORS=$icd OCLGRIND_CHECK_API=1 OCLGRIND_DATA_RACES=1 OCLGRIND_UNINITIALIZED=1 \\
OCLGRIND_MAX_WGSIZE=256 OCLGRIND_LOCAL_MEM_SIZE=32768 OCLGRIND_NUM_THREADS=2 \\
OCLGRIND_BUILD_OPTIONS='-cl-opt-disable -DINLINED=' OCLGRIND_MAX_ERRORS=20 \\
CK_FORK=no CK_RUN_SUITE="\$2" CK_RUN_CASE="\$3" CLRNN_LONG=1 \\
    timeout 3600 "$build/check_clrnn" >"\$out.out" 2>"\$out.log" || echo "\$2, \$3, \$4" >"\$out.failed"
exit 0
END
    chmod +x "$work/case"
    {
        echo 'persist words -'
        echo 'persist flags -'
        while read -r _ problem; do
            echo "drivers 'as a GPU' $problem"
            echo "drivers 'as a CPU' $problem"
            # WITH_CLBLAST=0 has none
            ! "$build/clrnn" version | grep -q 'clblast: *yes' || echo "drivers 'with CLBlast' $problem"
        done <tests/data/checksums.txt
    } | awk '{ print NR, $0 }' >"$work/cases"
    xargs -P "$jobs" -L 1 "$work/case" <"$work/cases"
    status=0
    for out in "$work"/oclgrind/*.out; do
        case=${out%.out}
        if [ -e "$case.failed" ]; then
            status=1
            { cat "$case.failed"; tail -n 3 "$out"; } | sed 's|^|Oclgrind: |'
        fi
        if [ -s "$case.log" ]; then
            status=1
            # each kind of message with its place, and how often
            awk '/^[A-Z]/ { sub(/ ?(at|to|from)? [a-z]* ?memory address 0x.*/, ""); what = $0 }
                 /^cell=/ { print }
                 /Kernel:/ { kernel = $2 } /At line/ && what != "" { print what " in " kernel ", " $0; what = "" }' "$case.log" |
                sed 's/\t//g' | sort | uniq -c | head -n 6 | sed "s|^|$(sed -n "$(basename "$case")p" "$work/cases"): |"
        fi
    done
    cat "$work"/oclgrind/*.out | awk '/^drivers:/ {
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^runs/) runs += $(i - 1)
                if ($i ~ /^wrong/) wrong += $(i - 1)
                if ($i == "launches") { launches += $(i - 1); expected += $(i + 2) }
                if ($i == "met") met += $(i + 2)
            }
        }
        END { printf "check-long: Oclgrind: %d runs, %d wrong, %d launches of %d expected, groups met in %d plans\n", \
                  runs, wrong, launches, expected, met
              exit !(runs > 0 && wrong == 0 && launches == expected && met > 0) }' || status=1
    verdict Oclgrind "$status" "$start"
}

# The address and undefined-behaviour sanitizers see the host code and the CPU engine's kernels.
sanitizers() {
    start=$(date +%s)
    flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -Wno-error'
    if ! make --no-print-directory -j "$jobs" BUILD="$given/asan" CFLAGS="$flags" LDFLAGS='-fsanitize=address,undefined' \
        "$given/asan/check_clrnn" >"$work/make" 2>&1; then
        grep -E 'error|\*\*\*' "$work/make" | head -n 5
        verdict 'sanitizers' 1 "$start"
        return
    fi
    for library in libpocl libLLVM libclang-cpp libhwloc libOpenCL; do
        echo "leak:$library"
    done >"$work/leaks"
    mkdir -p "$work/pocl"
    status=0
    # A process that loaded LLVM and a forked child of it are no friends of the leak check.
    env CK_FORK=no CK_DEFAULT_TIMEOUT=1200 CK_RUN_SUITE=forward POCL_CACHE_DIR="$work/pocl" \
        OCL_ICD_VENDORS="$([ -d "$work/pocl.icd" ] && echo "$work/pocl.icd" || echo "$work")" \
        ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0 UBSAN_OPTIONS=print_stacktrace=1 \
        LSAN_OPTIONS="suppressions=$work/leaks:print_suppressions=0" \
        timeout 1800 "$build/asan/check_clrnn" >"$work/out" 2>&1 || status=1
    [ "$status" -eq 0 ] || grep -E '^100%|ERROR|runtime error|SUMMARY|#[0-3] |:[FE]:' "$work/out" | head -n 20
    verdict 'sanitizers, cpu and PoCL' "$status" "$start"
}

make --no-print-directory BUILD="$given" "$given/clrnn" "$given/check_clrnn" || exit 1
[ $# -gt 0 ] || set -- pocl rusticl intel oclgrind sanitizers
for part in "$@"; do
    case $part in
    pocl | rusticl | intel | oclgrind | sanitizers) "$part" ;;
    *) verdict "$part: no such part" 1 "$(date +%s)" ;;
    esac
done
echo "check-long: ran: ${ran#, }"
[ -z "$skipped" ] || echo "check-long: skipped: ${skipped#, }"
echo "check-long: $failed failed"
[ "$failed" -eq 0 ]
