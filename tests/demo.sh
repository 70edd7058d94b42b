#!/bin/sh
# The main job, end to end: a network that PyTorch trained on real speech runs on the best device, is
# checked against the CPU path and the equations; then the NumPy lesson this project grew from.
set -eu
program=$1
data=$(dirname "$0")/data
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

echo "Devices"
"$program" devices || echo "no OpenCL device: the demo runs on the cpu engine"

echo
echo "1. A trained RNN on real speech: 370 utterances of Japanese vowels, 7 to 29 frames of 12 numbers"
"$program" summary "$data/simple_rnn.npz"
"$program" run "$data/simple_rnn.npz" --batch-first -i "$data/x_test.npy" \
    -l "$data/lengths_test.npy" -o "$out/y.npz" -v
"$program" check "$data/simple_rnn.npz" --batch-first -i "$data/x_test.npy" \
    -l "$data/lengths_test.npy" --expect "$data/expected_simple_rnn.npz"

echo
echo "2. Speakers named by networks that Keras trained: the layers round the recurrence, too"
for model in speaker_rnn.keras speaker_stack.keras; do
    "$program" summary "$data/speaker/$model"
    "$(dirname "$program")/speaker" "$data/speaker/$model" "$data/x_test.npy" "$data/labels_test.npy"
done
"$program" convert "$data/speaker/speaker_rnn.keras" "$out/speaker_rnn.safetensors"
"$(dirname "$program")/speaker" "$out/speaker_rnn.safetensors" "$data/x_test.npy" "$data/labels_test.npy"

echo
echo "3. Keras's SimpleRNN(3, input_shape=(2, 10))"
"$program" summary "$data/speaker/seed_simple_rnn.keras"
"$program" run "$data/speaker/seed_simple_rnn.keras" -i "$data/speaker/seed_simple_rnn_x.npy"

echo
echo "4. The NumPy lesson: h = tanh(Wx x + Wh h + b), the stack of hidden states growing"
"$program" summary "$data/seed_numpy.npz"
"$(dirname "$program")/numpy_lesson" "$data/seed_numpy.npz" "$data/seed_x.npy" "$data/expected_seed_numpy.npy"
"$program" check "$data/seed_numpy.npz" -i "$data/seed_x.npy" --expect "$data/expected_seed_numpy.npy"
