#!/usr/bin/env python3
"""Makes tests/data/hdf5: what one Keras model holds, in other layouts of HDF5; and files that lead out of
themselves or are too much for a reader.

    python make_hdf5_cases.py [-o tests/data/hdf5]

Needs h5py. The models are copies of tests/data/keras_cases/keras2_hard.h5: same outputs. links.h5 has 100
names of one array in /g and 30 attributes, in HDF5's newer format; refused.h5 a thing a name.
"""
import argparse
import os

import h5py
import numpy as np

SOURCE = os.path.join(os.path.dirname(__file__), "../data/keras_cases/keras2_hard.h5")


def copy(source, target, dtype=None, **options):
    for key, value in source.attrs.items():
        target.attrs[key] = value
    for key, item in source.items():
        if isinstance(item, h5py.Dataset):
            data = item[()] if dtype is None else item[()].astype(dtype)
            chunks = tuple(min(n, 5) for n in data.shape) if options and data.shape else None
            target.create_dataset(key, data=data, chunks=chunks, **(options if data.shape else {}))
        else:
            copy(item, target.create_group(key), dtype, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="tests/data/hdf5")
    folder = parser.parse_args().output
    os.makedirs(folder, exist_ok=True)
    new = ("v108", "v108")
    for name, libver, dtype, options in (
            ("latest", "latest", None, {}),
            ("gzip", "earliest", None, {"compression": "gzip", "shuffle": True}),
            ("checked", new, None, {"compression": "gzip", "fletcher32": True}),
            ("big_double", "earliest", ">f8", {})):
        with h5py.File(SOURCE) as source, \
                h5py.File(f"{folder}/{name}.h5", "w", libver=libver) as target:
            copy(source, target, dtype, **options)
    with h5py.File(f"{folder}/links.h5", "w", libver=new) as file:
        group = file.create_group("g")
        one = file.create_dataset("one", data=np.arange(3, dtype="f4"))
        for i in range(100):
            group[f"name{i}"] = one
        for i in range(30):
            group.attrs[f"text{i}"] = f"text number {i}"
        group.attrs["list"] = [b"first", b"second", b"third one"]
    with h5py.File(f"{folder}/refused.h5", "w") as file:
        file["soft"] = h5py.SoftLink("/plain")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        file.create_dataset("plain", data=np.arange(4, dtype="f4"))
        file.create_dataset("whole", data=np.arange(4))
        file.create_dataset("lzf", data=np.arange(40, dtype="f4"), chunks=(10,), compression="lzf")
        file.create_dataset("outside", shape=(4,), dtype="f4", external=[("other.raw", 0, 16)])
        file.create_dataset("huge", shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1 << 10, 1 << 10))
        file.create_dataset("nine", data=np.zeros((1,) * 9, "f4"))
        file.attrs["number"] = 5


if __name__ == "__main__":
    main()
