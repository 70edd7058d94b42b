#!/usr/bin/env python3
"""Makes tests/data/keras_surplus: Keras models with more in them than their configs say.

    python make_keras_surplus.py [-o tests/data/keras_surplus]

Needs h5py. Each is a copy of a model of tests/data/keras_cases with something added: a weight of no layer,
which is refused, or (beside.*) what Keras itself keeps besides weights, which is not.
"""
import argparse
import io
import os
import zipfile

import h5py
import numpy as np

CASES = os.path.join(os.path.dirname(__file__), "../data/keras_cases")
ONE = np.ones((2, 3), "f4")


def put(file, *paths):
    for path in paths:
        file.create_dataset(path, data=ONE, track_times=False)


def name(file, group, *names):
    file.require_group(group).attrs["weight_names"] = np.array(names, "S")


def layer(file):
    put(file, "model_weights/dense/dense/kernel:0")
    name(file, "model_weights/dense", "dense/kernel:0")


def top(file):
    put(file, "model_weights/top_level_model_weights/scale:0")
    name(file, "model_weights/top_level_model_weights", "scale:0")


def beside_hdf5(file):
    put(file, "optimizer_weights/Adam/m/kernel:0")
    name(file, "optimizer_weights", "Adam/m/kernel:0")
    for group in ("dropout", "top_level_model_weights"):
        file.require_group("model_weights/" + group).attrs["weight_names"] = np.zeros(0)


def beside_archive(file):
    put(file, "optimizer/vars/0", "metrics/mean/vars/0")
    for group in ("layers/dropout", "layers/simple_rnn/cell"):
        state = np.arange(2, dtype="u4")
        file.create_dataset(group + "/seed_generator/vars/0", data=state, track_times=False)


def loop(file):
    file["layers/again"] = file["layers"]


def link(file):
    file["layers/simple_rnn/more"] = h5py.SoftLink("/layers/simple_rnn/cell/vars/0")


def double(file, value=None):
    """Every weight as float64; one of them is `value`."""
    names = []
    file["model_weights"].visititems(
        lambda path, item: names.append(path) if isinstance(item, h5py.Dataset) else None)
    for path in names:
        data = file["model_weights"][path][()].astype("f8")
        if value is not None and path == names[-1]:
            data.flat[1] = value
        del file["model_weights"][path]
        file["model_weights"].create_dataset(path, data=data, track_times=False)


FILES = {
    "layer.keras": lambda file: put(file, "layers/dense/vars/0"),
    "part.keras": lambda file: put(file, "layers/simple_rnn/vars/0"),
    "model.keras": lambda file: put(file, "vars/0"),
    "loop.keras": loop,
    "link.keras": link,
    "beside.keras": beside_archive,
    "layer.h5": layer,
    "unnamed.h5": lambda file: put(file, "model_weights/lstm/more"),
    "top.h5": top,
    "double.h5": lambda file: double(file, 0.1),
    "large.h5": lambda file: double(file, 1e300),
    "beside.h5": lambda file: (beside_hdf5(file), double(file, float("inf"))),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="tests/data/keras_surplus")
    folder = parser.parse_args().output
    os.makedirs(folder, exist_ok=True)
    for target, change in FILES.items():
        path = os.path.join(folder, target)
        if target.endswith(".h5"):
            with open(f"{CASES}/keras3_split_names.h5", "rb") as file:
                data = io.BytesIO(file.read())
            with h5py.File(data, "r+") as file:
                change(file)
            with open(path, "wb") as file:
                file.write(data.getvalue())
            continue
        with zipfile.ZipFile(f"{CASES}/rnn_no_bias.keras") as old, \
                zipfile.ZipFile(path, "w") as new:
            for entry in old.namelist():
                data = io.BytesIO(old.read(entry))
                if entry == "model.weights.h5":
                    with h5py.File(data, "r+") as file:
                        change(file)
                new.writestr(zipfile.ZipInfo(entry), data.getvalue(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    main()
