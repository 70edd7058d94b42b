#!/bin/sh
# lint.sh BUILD: format, layers, headers, symbols, kernels by a second front end, C by a second
# compiler, scripts, and mutants that are mutants. One line a finding; fails if there is any.
set -u
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
clang=${CLANG:-clang}
jobs=$(nproc 2>/dev/null || echo 2)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
: >"$work/findings"

# finding RULE: each line of the input is one.
finding() {
    sed "s|^|$1: |" >>"$work/findings"
}

# Lines FILE:LINE:TEXT of C that match, comments left out as far as lines show them.
search() {
    pattern=$1
    shift
    grep -nE "$pattern" "$@" /dev/null | grep -vE '^[^:]*:[0-9]+: *(/?\*|//)'
}

library=$(find src -name '*.[ch]' ! -path 'src/cli/*' | sort)
sources=$(find src bench tests -name '*.c' | sort)
headers=$(find src include tests -name '*.h' | sort)
kernels=$(find kernels -name '*.cl' | sort)

format() {
    # shellcheck disable=SC2086
    clang-format --dry-run -Werror $sources $headers $kernels 2>&1 |
        grep 'error:' | sed 's/: error: code should.*//' | cut -d: -f1 | sort | uniq -c |
        awk '{ print $2 ": " $1 " places; make format" }' | finding format
}

# includes RULE PATTERN FILE...: who includes PATTERN though it may not.
includes() {
    rule=$1 pattern=$2
    shift 2
    [ $# -gt 0 ] && search "^ *# *include +[\"<]($pattern)" "$@" | finding "$rule"
}

layers() {
    # shellcheck disable=SC2046,SC2086
    {
        search '(^|[^A-Za-z_0-9])cl[A-Z][A-Za-z]*\(' $(find src include bench -name '*.[ch]' ! -path 'src/cl/*' ! -path 'src/cli/*_cl.c') |
            finding 'OpenCL called outside src/cl and what measures a device itself'
        search '(^|[^A-Za-z_0-9])getenv *\(' $library | finding 'environment read by the library'
        search '(^|[^A-Za-z_0-9])(v?printf|puts|putchar|perror|exit|_exit|_Exit|abort) *\(' $library |
            finding 'library prints or exits'
        search 'fprintf *\( *(stdout|stderr)|fputs *\([^;]*, *(stdout|stderr)\)|assert *\(' $library |
            grep -v _Static_assert | finding 'library prints or exits'
        includes 'CLBlast outside src/cl/cl_gemm.c' 'clblast' \
            $(find src include bench tests -name '*.[ch]' ! -name cl_gemm.c)
        includes 'layer: the command sees only clrnn.h' '(core|algo|cl|cpu|graph|io)/' \
            $(find src/cli tests/samples -name '*.[ch]' 2>/dev/null)
        includes 'layer: core includes an engine, a graph or a format' '(cl|cpu|graph|io|cli)/' src/core/*.[ch]
        includes 'layer: graph includes an engine or a format' '(cl|cpu|algo|io|cli)/' src/graph/*.[ch]
        includes 'layer: algo includes more than core and algo' '(cl|cpu|graph|io|cli)/' src/algo/*.[ch]
        includes 'layer: an engine includes a format, the command or the other engine' '(cpu|graph|io|cli)/' src/cl/*.[ch]
        includes 'layer: an engine includes a format, the command or the other engine' '(cl|graph|io|cli)/' src/cpu/*.[ch]
        includes 'layer: io includes more than core, graph and io' '(cl|cpu|algo|cli)/' src/io/*.[ch]
        includes 'layer: include/clrnn.h includes more than CL/cl.h, stddef, stdint' \
            '.*' include/clrnn.h
    }
    grep -vE 'include/clrnn.h:[0-9]+:#include <(CL/cl|stddef|stdint)\.h>' "$work/findings" >"$work/kept"
    mv "$work/kept" "$work/findings"
    # shellcheck disable=SC2046
    search 'extern' $(find src/core -name '*.[ch]') | grep -E 'engine_(cl|cpu|opencl|reference)' |
        grep -v '^src/core/engine\.' | finding 'layer: engines are listed in core/engine alone'
}

names() {
    # a folder of data is a name of its own
    find src kernels include tests bench -type f ! -path 'tests/data/*/*' | sed 's|.*/||' | sort | uniq -d |
        while read -r name; do
            find src kernels include tests bench -type f -name "$name" | tr '\n' ' '
            echo
        done | finding 'file name is not unique'
    for entry in * .[!.]*; do
        case $entry in
        src | kernels | include | tests | bench | Makefile | README.md | LICENSE | .* | build*) ;;
        *) echo "$entry" ;;
        esac
    done | finding 'does not belong at the top level'
    for entry in src kernels include tests bench Makefile README.md LICENSE; do
        [ -e "$entry" ] || echo "$entry"
    done | finding 'missing at the top level'
}

header() {
    echo '#include "clrnn.h"' >"$work/header.c"
    cp "$work/header.c" "$work/header.cc"
    strict='-pedantic -Wall -Wextra -Werror -fsyntax-only -Iinclude'
    # shellcheck disable=SC2086
    {
        cc -std=c11 $strict "$work/header.c"
        "$clang" -std=c11 $strict "$work/header.c"
        c++ -std=c++11 -x c++ $strict "$work/header.cc"
    } 2>&1 | grep -E 'error|not found' | finding 'clrnn.h alone'
}

symbols() {
    if [ -e "$build/libclrnn.so.0" ]; then
        nm -D --defined-only "$build/libclrnn.so.0" | awk '{ print $NF }' | grep -v '^clrnn_' |
            finding 'exported, not clrnn_*'
    else
        echo "$build/libclrnn.so.0 is not built" | finding symbols
    fi
}

# Every program that the planner can make, as 32- and 64-bit device code. A double constant is a
# warning where the device has no cl_khr_fp64.
kernels() {
    mkdir "$work/programs"
    make --no-print-directory BUILD="$build" "$build/program_text" >"$work/make.log" 2>&1 ||
        {
            grep -E 'error|\*\*\*' "$work/make.log" | finding program_text
            return
        }
    programs=$("$build/program_text" "$work/programs") || {
        echo 'it failed' | finding program_text
        return
    }
    cat >"$work/front_end" <<'END'
#!/bin/sh
# front_end CLANG FILE.cl. Intel's compiler names a feature of 3.0 in 1.2, too.
for target in spir-unknown-unknown spir64-unknown-unknown; do
    # shellcheck disable=SC2046
    "$1" -x cl -cl-std=CL1.2 --target=$target -fsyntax-only -Wall -Wextra -Werror \
        -Wdouble-promotion -Wno-unused-function -Wno-unused-parameter -fno-caret-diagnostics \
        -D__opencl_c_atomic_scope_device=1 -Xclang -cl-ext=-cl_khr_fp64 -Xclang -finclude-default-header -Xclang -fdeclare-opencl-builtins \
        $(cat "${2%.cl}.opts") "$2" 2>&1 | grep -E 'error' | sed "s|\$| [$target: $(cat "${2%.cl}.opts")]|"
done
END
    chmod +x "$work/front_end"
    find "$work/programs" -name '*.cl' | sort | xargs -P "$jobs" -n 1 "$work/front_end" "$clang" |
        sort | awk '{ key = $0; sub(/ \[spir.*/, "", key) } !seen[key]++' | finding kernel
    search '(^|[^A-Za-z_0-9.])([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?([^0-9fFeE]|$)' kernels/*.cl |
        grep -vE '^[^:]*:[0-9]+:[^"]*/\*[^/]*[0-9]\.[0-9]' | grep -vE '^[^:]*:[0-9]+:( |/)\*' |
        finding 'double constant'
}

sources() {
    cat >"$work/second" <<'END'
#!/bin/sh
# second CLANG BUILD FILE.c
flags='-std=c11 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wshadow -Wconversion -fsyntax-only -fno-caret-diagnostics -DWITH_CLBLAST -DCLRNN_BUILD'
case $3 in
src/cpu/cpu_kernels.c)
    flags="$flags -Wno-unused-function -Wno-unused-parameter -DCELL_NAME=lstm -DISA=base -DPANEL_VARIANT=2 -DCELL_FILE=\"cell_lstm.cl\""
    ;;
esac
# shellcheck disable=SC2086
"$1" $flags -Iinclude -Isrc -Ikernels -Itests "-I$2/gen" "$3" 2>&1 | grep -E '(warning|error):'
exit 0
END
    chmod +x "$work/second"
    find src tests -name '*.c' ! -path 'tests/samples/*' | sort |
        xargs -P "$jobs" -n 1 "$work/second" "$clang" "$build" | sort -u | finding clang
}

scripts() {
    command -v shellcheck >/dev/null &&
        find tests bench -name '*.sh' -exec shellcheck -f gcc {} + 2>&1 | finding shellcheck
}

mutants() {
    tests/mutants.sh --texts | finding mutants
}

programs='0 programs'
format
layers
names
header
symbols
kernels
sources
scripts
mutants
cat "$work/findings"
count=$(wc -l <"$work/findings")
echo "lint: $count findings; $(echo "$sources" | wc -l) sources, $(echo "$headers" | wc -l) headers, $(echo "$kernels" | wc -l) kernel files, $programs by two targets"
[ "$count" -eq 0 ]
