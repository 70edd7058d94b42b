#!/bin/sh
# check.sh PROGRAM: the suites of the test program, one process a core, and one closing line as Check's.
# What Check reads from the environment (CK_RUN_SUITE, CK_FORK, logs, ...) is of one process: then it is
# the program alone.
set -u
program=$1
cd "$(dirname "$0")/.." || exit 1
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-600}"
if env | grep -v '^CK_DEFAULT_TIMEOUT=' | grep -q '^CK_'; then
    exec "$program"
fi
jobs=$(nproc 2>/dev/null || echo 2)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# What takes long begins first, but not side by side what builds the same programs (states, chunks, numbers).
# What measures time comes last and has the machine to itself.
first='table forward states personalities cli golden chunks custom dense judge stacks symmetry faults guards numbers'
alone='tune'
suites=$(sed -n 's/^ *X(\([a-z0-9_]*\)).*/\1/p' tests/suites.h)

# without LIST: the suites that are not in it, in their order
without() {
    for suite in $suites; do
        case " $* " in *" $suite "*) ;; *) echo "$suite" ;; esac
    done
}

cat >"$work/suite" <<END
#!/bin/sh
# suite NAME: its output without Check's frame, and a line NAME CHECKS FAILURES ERRORS
start=\$(date +%s)
CK_RUN_SUITE=\$1 "$program" >"$work/\$1.out" 2>&1
status=\$?
counts=\$(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)\$/\1 \2 \3/p' "$work/\$1.out" | tail -n 1)
case "\$counts:\$status" in
'':* | '0 '*) # it died, or there is no suite of this name
    echo "\$1: ended with \$status, and without a closing line" >>"$work/\$1.out"
    counts='1 0 1'
    ;;
*' 0 0:'[1-9]*)
    echo "\$1: ended with \$status" >>"$work/\$1.out"
    counts="\${counts%0} 1"
    ;;
esac
grep -vE '^[0-9]+%: Checks:|^Running suite' "$work/\$1.out" >"$work/\$1.kept"
echo "\$1: \${counts%% *} checks, \$((\$(date +%s) - start)) s" >>"$work/\$1.kept"
echo "\$1 \$counts" >>"$work/counts"
cat "$work/\$1.kept" # in one piece
END
chmod +x "$work/suite"

# shellcheck disable=SC2086
{
    { echo $first | tr ' ' '\n'; without $first $alone; } | xargs -P "$jobs" -n 1 "$work/suite"
    echo $alone | tr ' ' '\n' | xargs -r -n 1 "$work/suite"
}
awk '{ checks += $2; failures += $3; errors += $4 }
     END {
         percent = checks == 0 ? 0 : int((checks - failures - errors) * 100 / checks)
         printf "%d%%: Checks: %d, Failures: %d, Errors: %d\n", percent, checks, failures, errors
         exit percent < 100
     }' "$work/counts"
