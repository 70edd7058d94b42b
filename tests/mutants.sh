#!/bin/sh
# mutants.sh [PATTERN]: breaks the code on purpose, one mutant at a time, and sees the tests fail.
#
# Each mutant of the table below (those whose name has PATTERN) is one edit of one file in a copy of
# the tree that shares nothing with it but unchanged object files. KILLED: a test failed; SURVIVED:
# none did. Fails if one survived, did not build, or its old text is not there exactly once.
#
# `cpu` mutants show without a driver: the CPU engine compiles the same kernel text. `pocl` ones need
# work-groups, `oclgrind` ones a tool that sees races. A survivor still meets all suites on PoCL.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1

# ---- one mutant: mutants.sh --one WORK NUMBER ----

# A run of the test program: fails if a test fails, at once, or if none ran. REASON says which.
tests_pass() {
    rm -f tap
    timeout 300 ./build/check_clrnn >out 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        if grep -q '^not ok' tap 2>/dev/null; then
            kill "$pid" 2>/dev/null
            wait "$pid" 2>/dev/null
            reason=$(grep -m 1 '^not ok' tap | sed 's/^not ok [0-9]* - //; s/^[^:]*:[^:]*:[^:]*: *//')
            return 1
        fi
        sleep 0.1
    done
    wait "$pid"
    code=$?
    [ "$code" -eq 0 ] && return 0
    reason=$(grep -m 1 '^not ok' tap | sed 's/^not ok [0-9]* - //; s/^[^:]*:[^:]*:[^:]*: *//')
    [ -n "$reason" ] || reason="exit status $code"
    return 1
}

# Several suites, one after the other, with one set of drivers.
suites_pass() {
    for suite in $1; do
        CK_RUN_SUITE=$suite tests_pass || {
            reason="$suite: $reason"
            return 1
        }
    done
}

# Nothing but the right result, and no race, on the simulator.
oclgrind_passes() {
    : >log
    OCL_ICD_VENDORS=/usr/lib/oclgrind/liboclgrind-rt-icd.so OCLGRIND_DATA_RACES=1 \
        OCLGRIND_NUM_THREADS=2 OCLGRIND_MAX_ERRORS=20 OCLGRIND_LOG=log \
        OCLGRIND_BUILD_OPTIONS=-cl-opt-disable \
        timeout 300 ./build/oclgrind_cases oclgrind "$@" >out 2>&1 || {
        reason="oclgrind: $(grep -m 1 . out)"
        return 1
    }
    if [ -s log ]; then
        reason="oclgrind: $(grep -m 1 '^[A-Z]' log), $(grep -m 1 -o 'At line.*' log)"
        return 1
    fi
}

# The baseline instruction set compiles five times as fast as the others, and has the same text.
build_it() {
    make --no-print-directory COMMIT=mutant ISAS=base CFLAGS='-O0 -g0 -Wno-error' "$@" >make.log 2>&1
}

survives() {
    export OCL_ICD_VENDORS="$PWD/no-driver"
    case $where in
    oclgrind*)
        # shellcheck disable=SC2086
        oclgrind_passes ${where#oclgrind} || return 1
        ;;
    cpu)
        suites_pass "$suites" || return 1
        ;;
    esac
    unset OCL_ICD_VENDORS
    until [ -e "$work/pocl_is_filled" ]; do
        sleep 1
    done
    cp -a "$work/pocl" pocl
    export POCL_CACHE_DIR="$PWD/pocl"
    suites_pass "$suites" || return 1
    case $where in oclgrind*) return 0 ;; esac
    suites_pass "$(cat "$work/all_suites")" || return 1
}

one() {
    work=$1
    number=$2
    mutant=$work/$number
    IFS='|' read -r name where suites file <"$mutant.head"
    start=$(date +%s)
    mkdir "$mutant" && cp -a "$work/base/." "$mutant" && cd "$mutant" || exit 1
    reason=
    export CK_FORK=no CK_TAP_LOG_FILE_NAME=tap
    if ! awk -v old="$mutant.old" -v new="$mutant.new" -f "$work/replace.awk" "$file" >edited; then
        verdict='NOT FOUND'
        reason="the old text is not in $file exactly once"
    else
        cat edited >"$file"
        program=build/check_clrnn
        case $where in oclgrind*) program="$program build/oclgrind_cases" ;; esac
        # shellcheck disable=SC2086
        if ! build_it $program; then
            verdict='NOT BUILT'
            reason=$(grep -m 1 -E 'error|\*\*\*' make.log)
        elif survives; then
            verdict=SURVIVED
        else
            verdict=KILLED
        fi
    fi
    cd "$work" && rm -rf "$mutant"
    printf '%-9s %-33s %3ds  %.110s\n' "$verdict" "$name" $(($(date +%s) - start)) "$reason" |
        tee -a "$work/results"
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit 0
fi

# ---- all ----
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
jobs=$(nproc 2>/dev/null || echo 2)
# Replaces the one occurrence of a text, or fails.
cat >"$work/replace.awk" <<'AWK'
function slurp(file, text, line) {
    while ((getline line <file) > 0) text = text line "\n"
    return text
}
{ text = text $0 "\n" }
END {
    was = slurp(old); sub(/\n$/, "", was)
    is = slurp(new); sub(/\n$/, "", is)
    at = index(text, was)
    if (was == "" || !at || index(substr(text, at + 1), was)) exit 1
    printf "%s", substr(text, 1, at - 1) is substr(text, at + length(was))
}
AWK

# The table: "@@ name | where | suites | file", old text, "=>", new text.
split_table() {
    awk -v dir="$work" -v pattern="${1:-}" '
    /^@@ / {
        sub(/^@@ */, ""); gsub(/ *\| */, "|")
        skip = pattern != "" && index($0, pattern) == 0
        if (skip) next
        path = sprintf("%s/%03d", dir, ++count)
        print > (path ".head"); to = path ".old"; printf "" > to; printf "" > (path ".new"); next
    }
    skip { next }
    /^=>$/ { to = path ".new"; next }
    to != "" { print > to }
    END { print count + 0 }'
}

count=$(split_table "${1:-}" <<'TABLE'
@@ tanh is the identity | cpu | forward | kernels/activation.cl
    return PICK(x != x, x, result);
}

/* sigmoid
=>
    return PICK(x != x, result, x);
}

/* sigmoid
@@ tanh loses its sign | cpu | forward | kernels/activation.cl
    const real signed_large = with_sign_of(PICK(a < R(9.1f), large, R(1.0f)), x);
=>
    const real signed_large = PICK(a < R(9.1f), large, R(1.0f));
@@ one newton step less | cpu | forward | kernels/activation.cl
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    return FMA(
=>
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    return FMA(
@@ every NaN its own | cpu | special | kernels/activation.cl
    return PICK(x != x, AS_REAL(SPLAT_WHOLE(0x7fc00000)), x);
=>
    return x;
@@ relu loses NaN | cpu | special | kernels/activation.cl
    return PICK(x > R(0.0f), x, PICK(x != x, x, R(0.0f)));
=>
    return PICK(x > R(0.0f), x, R(0.0f));
@@ h of two steps before | cpu | forward | kernels/phase.cl
    return work_row(p, a, WORK_H + (a->step & 1), n);
=>
    return work_row(p, a, WORK_H + ((a->step + 1) & 1), n);
@@ own h of two steps before | cpu | forward | kernels/phase.cl
    state[0] = VLOAD(work_row(p, a, WORK_H + (a->step & 1), n) + unit);
=>
    state[0] = VLOAD(work_row(p, a, WORK_H + ((a->step + 1) & 1), n) + unit);
@@ lengths ignored | cpu | forward | kernels/phase.cl
    if (a->step >= row->length) {
        return;
    }
=>
@@ one step too many | cpu | forward | kernels/phase.cl
    if (a->step >= row->length) {
=>
    if (a->step > row->length) {
@@ one step too few | cpu | forward | kernels/phase.cl
        if (a->step < a->rows[n + i].length) {
=>
        if (a->step + 1 < a->rows[n + i].length) {
@@ commit a step early | cpu | forward | kernels/phase.cl
    if (a->step == row->length - 1) {
=>
    if (a->step == row->length - 2) {
@@ state written past its end | cpu | forward | kernels/phase.cl
        store_units(h, final, unit, p->hidden);
=>
        store_units(h, final, unit, p->stride);
@@ c not stored | cpu | forward | kernels/phase.cl
    VSTORE(c, work_row(p, a, WORK_C, n) + unit);
=>
@@ c not committed | cpu | forward | kernels/phase.cl
        store_units(c, final + p->state_words, unit, p->hidden);
=>
@@ cells at the step not the time | cpu | forward | kernels/phase.cl
        store_units(c, a->cells + row->c + time * row->c_stride, unit, p->hidden);
=>
        store_units(c, a->cells + row->c + a->step * row->c_stride, unit, p->hidden);
@@ y at the step not the time | cpu | forward | kernels/phase.cl
        store_units(h, a->y + row->y + time * row->y_stride, unit, p->hidden);
=>
        store_units(h, a->y + row->y + a->step * row->y_stride, unit, p->hidden);
@@ second phase reads h | cpu | forward | kernels/phase.cl
    return work_row(p, a, WORK_PUBLISHED, n);
=>
    return work_row(p, a, WORK_H + (a->step & 1), n);
@@ biases of the first gate | cpu | forward | kernels/phase.cl
#define PHASE_BIASES (a->b + PHASE_GATE * p->stride)
=>
#define PHASE_BIASES (a->b)
@@ weights of the first phase | cpu | forward | kernels/phase.cl
#define PHASE_WEIGHTS (a->w + p->w_phase[PHASE])
=>
#define PHASE_WEIGHTS (a->w)
@@ reverse ignored | cpu | forward | kernels/rows.cl
    return row->reverse ? row->length - 1 - step : step;
=>
    return step;
@@ ragged rows never reversed | cpu | forward | src/core/plan.c
        row->reverse = plan->problem.reverse;
=>
        row->reverse = plan->problem.reverse && lengths == NULL;
@@ h_0 forgotten | cpu | forward | kernels/rows.cl
        const float h_0 = read ? h[unit] : 0.0f;
=>
        const float h_0 = 0.0f;
@@ c_0 forgotten | cpu | forward | kernels/rows.cl
        c_work[unit] = read ? c[unit] : 0.0f;
=>
        c_work[unit] = 0.0f;
@@ from_zero ignored | cpu | forward invariance states | kernels/rows.cl
        const int read = inside && !p->from_zero;
=>
        const int read = inside;
@@ empty rows keep an old state | cpu | forward invariance states | kernels/rows.cl
        if (clear) {
            h[unit] = 0.0f;
        }
=>
@@ padding of y not cleared | cpu | forward | kernels/rows.cl
                for (int t = row->length; t < p->steps; t++) {
                    a->y[
=>
                for (int t = row->length + 1; t < p->steps; t++) {
                    a->y[
@@ padding of cells not cleared | cpu | forward | kernels/rows.cl
            for (int t = row->length; t < p->steps; t++) {
                a->cells[
=>
            for (int t = row->length + 1; t < p->steps; t++) {
                a->cells[
@@ last of an empty row not h_0 | cpu | forward | kernels/rows.cl
            } else if (row->length == 0) {
                a->y[row->y + unit] = h_0;
=>
            } else if (row->length == 0) {
                a->y[row->y + unit] = 0.0f;
@@ tail of units skipped | cpu | forward | kernels/rows.cl
    if (unit + VECTOR_WIDTH <= end) {
        VSTORE(value, to + unit);
    } else {
=>
    if (unit + VECTOR_WIDTH <= end) {
        VSTORE(value, to + unit);
    } else if (end < VECTOR_WIDTH) {
@@ units past the end written | cpu | forward | kernels/rows.cl
        for (int lane = 0; lane < end - unit; lane++) {
=>
        for (int lane = 0; lane <= end - unit; lane++) {
@@ panel: slices end early | cpu | forward | kernels/tile_panel.cl
        const int end = slice_end < PHASE_K ? slice_end : PHASE_K;
=>
        const int end = slice_end < PHASE_K ? slice_end : PHASE_K - 1;
@@ panel: the last slice alone | cpu | forward | kernels/tile_panel.cl
= sums[(i)*COLS + (j)] + a##i##_##j;
=>
= a##i##_##j;
@@ panel: last row of a tile skipped | cpu | forward | kernels/tile_panel.cl
    for (int i = 0; i < count; i++) {
        UNROLL
=>
    for (int i = 0; i < (count < 4 ? count : 3); i++) {
        UNROLL
@@ panel: one row for all | cpu | forward | kernels/tile_panel.cl
(p, a, n + ((i) < count ? (i) : 0));
=>
(p, a, n);
@@ panel: a panel too few | cpu | forward | kernels/tile_panel.cl
    return (PHASE_UNITS + BLOCK - 1) / BLOCK;
=>
    return PHASE_UNITS / BLOCK > 0 ? PHASE_UNITS / BLOCK : 1;
@@ gru: r and z swapped | cpu | forward | kernels/cell_gru_after.cl
    const real r = ACT(0, gx[0] + gh[0]);
    /* z = sigmoid(gx_z + gh_z) */
    const real z = ACT(0, gx[1] + gh[1]);
=>
    const real z = ACT(0, gx[0] + gh[0]);
    /* z = sigmoid(gx_z + gh_z) */
    const real r = ACT(0, gx[1] + gh[1]);
@@ gru: reset before the product | cpu | forward | kernels/cell_gru_after.cl
    const real n = ACT(1, FMA(r, gh[2], gx[2]));
=>
    const real n = ACT(1, r * (gh[2] + gx[2]));
@@ gru: 1 - z for z | cpu | forward | kernels/cell_gru_after.cl
    return FMA(z, state[0], FMA(-z, n, n));
=>
    return FMA(z, n, FMA(-z, state[0], state[0]));
@@ gru before: z for r | cpu | forward | kernels/cell_gru_before.cl
    return r * state[0];
=>
    return carry[0] * state[0];
@@ lstm: i and f swapped | cpu | forward | kernels/cell_lstm.cl
    state[1] = FMA(f, state[1], i * g);
=>
    state[1] = FMA(i, state[1], f * g);
@@ lstm: c without its tanh | cpu | forward | kernels/cell_lstm.cl
    return o * ACT(2, state[1]);
=>
    return o * state[1];
@@ lstm: input without its tanh | cpu | forward | kernels/cell_lstm.cl
    const real g = ACT(1, gx[2] + gh[2]);
=>
    const real g = gx[2] + gh[2];
@@ rnn: recurrence forgotten | cpu | forward | kernels/cell_rnn.cl
    return ACT(0, gx[0] + gh[0]);
=>
    return ACT(0, gx[0]);
@@ backward: gate not differentiated | cpu | backward | kernels/cell_rnn_backward.cl
    return (gx[0] + gh[0]) * FMA(R(0.0f) - gx[1], gx[1], R(1.0f));
=>
    return (gx[0] + gh[0]) * FMA(R(0.0f) - gx[1], R(1.0f), R(1.0f));
@@ projection: row of another step | cpu | forward | kernels/project.cl
    return a->x + row->x + m / p->batch * row->x_stride;
=>
    return a->x + row->x + m % p->batch * row->x_stride;
@@ projection: stored by rows | cpu | forward | kernels/project.cl
    VSTORE(gh[0], a->work + row->g + m / p->batch * row->g_stride + unit);
=>
    VSTORE(gh[0], a->work + m * p->columns + unit);
@@ projection: last column forgotten | cpu | forward | kernels/project.cl
#define PHASE_K (p->inputs)
=>
#define PHASE_K (p->inputs > 1 ? p->inputs - 1 : 1)
@@ projection: bias forgotten | cpu | forward | src/core/engine.c
    pack_gates(out->b_ih, net->b_ih, net->gates, p->hidden, p->stride);
=>
    pack_gates(out->b_ih, net->b_ih, 1, p->hidden, p->stride);
@@ recurrent bias forgotten | cpu | forward | src/core/engine.c
    pack_gates(out->b_hh, net->b_hh, net->gates, p->hidden, p->stride);
=>
@@ R transposed | cpu | forward | src/core/pack.c
    return gate_row * (size_t)layout->columns + (size_t)k;
=>
    return (size_t)(layout->gate + row) * (size_t)layout->units * (size_t)layout->columns +
           (size_t)k * (size_t)layout->columns + (size_t)unit;
@@ transposed ignored | cpu | backward | src/core/pack.c
        return (size_t)k * (size_t)layout->units + (size_t)unit;
=>
        return (size_t)unit * (size_t)layout->units + (size_t)k;
@@ first gate of a phase ignored | cpu | forward | src/core/pack.c
(size_t)(layout->gate + row) * (size_t)layout->units
=>
(size_t)row * (size_t)layout->units
@@ gates without padding | cpu | forward | src/core/pack.c
        memcpy(to + (size_t)gate * (size_t)stride, from
=>
        memcpy(to + (size_t)gate * (size_t)units, from
@@ projection packed without padding | cpu | forward | src/core/pack.c
packed_at(&layout, 0, gate * stride + unit, k)
=>
packed_at(&layout, 0, gate * units + unit, k)
@@ strides of x swapped | cpu | forward | src/core/plan.c
        row->x_stride = call->x.at_step;
=>
        row->x_stride = call->x.at_row;
@@ strides of y swapped | cpu | forward | src/core/plan.c
        row->y = base_of(&call->y) + n * call->y.at_row;
=>
        row->y = base_of(&call->y) + n * call->y.at_step;
@@ strides of cells swapped | cpu | forward | src/core/plan.c
        row->c_stride = call->cells.at_step;
=>
        row->c_stride = call->cells.at_row;
@@ x_proj in the other order | cpu | forward | src/core/plan.c
        row->g_stride = (plan->desc.batch_first ? 1 : batch) * columns;
=>
        row->g_stride = (plan->desc.batch_first ? batch : 1) * columns;
@@ rows of the call before | cpu | forward invariance states | src/core/plan.c
    if (plan->last_batch != call->batch || memcmp(plan->rows, plan->next_rows, bytes) != 0) {
=>
    if (plan->last_batch != call->batch) {
@@ direction lost | cpu | forward | src/core/plan.c
        row->reverse = plan->problem.reverse;
=>
        row->reverse = 0;
@@ lengths lost | cpu | forward | src/core/plan.c
        row->length = length;
=>
        row->length = call->steps;
@@ slots lost | cpu | forward states | src/core/plan.c
        row->slot = slot;
=>
        row->slot = n;
@@ other state not cleared | cpu | forward invariance states | src/core/plan.c
        TRY(engine->state_write(call->state, words, words, NULL));
=>
        TRY(engine->state_write(call->state, 0, 0, NULL));
@@ slices a column short | cpu | forward | src/algo/algo.c
    params->slice = (problem->hidden + slices - 1) / slices;
=>
    params->slice = problem->hidden / slices;
@@ second phase over the first | cpu | forward | src/algo/algo.c
params.w_phase[phase] = (wide)config->weight_floats;
=>
params.w_phase[phase] = 0;
@@ single: last group skipped | pocl | forward | src/algo/algo.c
        groups[0] = ((size_t)batch + share - 1) / share;
=>
        groups[0] = share < (size_t)batch ? (size_t)batch / share : 1;
@@ stream: no barrier before staging | oclgrind gpu rnn 2 | forward | kernels/tile_stream.cl
            barrier(CLK_LOCAL_MEM_FENCE); /* what scratch held before has been read by everyone */
=>
@@ stream: no barrier after staging | pocl | forward | kernels/tile_stream.cl
            barrier(CLK_LOCAL_MEM_FENCE); /* the chunk is complete before it is read below */
=>
@@ stream: no barrier before the sums | oclgrind gpu rnn 2 | forward | kernels/tile_stream.cl
        barrier(CLK_LOCAL_MEM_FENCE); /* the last chunk has been read: scratch takes the sums */
=>
@@ stream: no barrier after the sums | pocl | forward | kernels/tile_stream.cl
        barrier(CLK_LOCAL_MEM_FENCE); /* all slices' sums are there before they are added */
=>
@@ stream: slices in another order | pocl | forward | kernels/tile_stream.cl
                sums[i] = sums[i] + scratch[(slice * (ROWS * PHASE_ROWS) + i) * BLOCK + u];
=>
                sums[i] = sums[i] + scratch[((SPLIT - 1 - slice) * (ROWS * PHASE_ROWS) + i) * BLOCK + u];
@@ stream: chain not from zero | pocl | forward | kernels/tile_stream.cl
            chain[i] = 0.0f;
=>
            chain[i] = -0.0f + (first > 0 ? sums[i] * 0x1p-23f : 0.0f);
@@ stream: tail of a slice skipped | pocl | forward | kernels/tile_stream.cl
            columns = PHASE_K - k_first < columns ? PHASE_K - k_first : columns;
=>
            columns = PHASE_K - k_first < columns ? PHASE_K - k_first - 1 : columns;
@@ stream: tail of units skipped | pocl | forward | kernels/tile_stream.cl
        if (i % SPLIT == q && i < count && unit < PHASE_UNITS) {
=>
        if (i % SPLIT == q && i < count && unit < PHASE_UNITS &&
            (unit < PHASE_UNITS / BLOCK * BLOCK || PHASE_UNITS < BLOCK)) {
@@ stream: rows that are not there | pocl | forward | kernels/tile_stream.cl
        if (i % SPLIT == q && i < count && unit < PHASE_UNITS) {
=>
        if (i % SPLIT == q && i <= count && unit < PHASE_UNITS) {
@@ step: phases confused | pocl | forward | src/algo/sched_step.c
            .phase = phase,
=>
            .phase = 0,
@@ step: last tile of rows skipped | pocl | forward | src/algo/algo.c
    case ALGO_GROUPS_TILES:
        groups[0] = ((size_t)batch + rows - 1) / rows;
=>
    case ALGO_GROUPS_TILES:
        groups[0] = (size_t)batch < rows ? 1 : (size_t)batch / rows;
@@ no barrier after the states | oclgrind gpu rnn 2 | forward | kernels/sched_single.cl
    GROUP_BARRIER; /* the states are loaded before the first product reads them */
=>
@@ no barrier between phases | oclgrind gpu gru-before 2 | forward | kernels/sched_single.cl
    GROUP_BARRIER; /* what this phase published is complete before the next phase reads it */
=>
@@ barrier without global memory | oclgrind gpu rnn 2 | forward | kernels/common.cl
#define GROUP_BARRIER barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
=>
#define GROUP_BARRIER barrier(CLK_LOCAL_MEM_FENCE)
TABLE
)
[ "$count" -gt 0 ] || {
    echo "mutants: none is named ${1:-}"
    exit 1
}

mkdir "$work/base" "$work/pocl" && cd "$root" || exit 1
tar cf - --exclude='./build*' --exclude='./.git' . | tar xf - -C "$work/base"
cd "$work/base" || exit 1
echo "mutants: $count, $jobs at a time; the base first"
build_it -j "$jobs" build/check_clrnn build/oclgrind_cases || {
    grep -E 'error|\*\*\*' make.log
    exit 1
}
# Not one mutant is worth anything if the base fails. Its PoCL cache starts the others off.
# (The suites of the command and of the samples need programs that are not built here.)
tr ' ' '\n' <tests/suites.h | sed -n 's/^X(\([a-z_]*\))$/\1/p' | grep -vxE 'cli|samples' |
    tr '\n' ' ' >"$work/all_suites"
cp -a "$work/base" "$work/first" && cd "$work/first" || exit 1
export CK_FORK=no CK_TAP_LOG_FILE_NAME=tap POCL_CACHE_DIR="$work/pocl"
{
    reason=
    if suites_pass 'forward backward' && oclgrind_passes gpu rnn 2 && oclgrind_passes gpu gru-before 2; then
        echo "mutants: the base passes"
    else
        echo "mutants: the base fails: $reason"
        echo 'FAILED' >>"$work/results"
    fi
    : >"$work/pocl_is_filled"
} &
cd "$work" || exit 1
seq -f %03g 1 "$count" | xargs -P "$jobs" -I '{}' sh "$root/tests/mutants.sh" --one "$work" '{}'
wait
killed=$(grep -c '^KILLED' "$work/results")
echo "mutants: $killed of $count killed"
[ "$killed" -eq "$count" ] && ! grep -q '^FAILED' "$work/results"
