#!/usr/bin/env python3
"""Does PyTorch read the safetensors that clrnn convert writes as clrnn means them?

    tests/tools/check_torch.py build/clrnn FOLDER

Keras models are converted; a torch.nn.Module is made of each config's entries, with their names, takes the
file as its state_dict, and must give what clrnn gives within 1e-5. Needs numpy, torch and safetensors."""
import json
import subprocess
import sys

import numpy as np
import torch
from safetensors import safe_open

program, folder = sys.argv[1:3]
KERAS = "tests/data/keras_cases/"
RECURRENT = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class Module(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.chain, width = config["chain"], config.get("inputs")
        for entry in self.chain:
            if entry["type"] == "recurrent":
                layer = entry["layers"][0]
                both = layer.get("direction") == "bidirectional"
                made = RECURRENT[layer["cell"]](width, layer["hidden"], batch_first=True, bidirectional=both,
                                                bias=layer.get("bias") != "none")
                width = layer["hidden"] * (1 + both)
            elif entry["type"] == "dense":
                made = torch.nn.Linear(width, entry["features"], bias=entry.get("bias", True))
                width = entry["features"]
            setattr(self, entry["name"], made)

    def forward(self, x):
        for entry in self.chain:
            x = getattr(self, entry["name"])(x)
            if entry["type"] == "recurrent":
                y, h = x[0], x[1][0] if isinstance(x[1], tuple) else x[1]
                x = y if entry.get("return_sequences", True) else torch.cat(list(h), -1)
            if entry.get("activation") == "softmax":
                x = torch.softmax(x, -1)
        return x


def check(name):
    file, x = f"{folder}/{name}.safetensors", np.load(KERAS + "values.npz")[f"{name}.x"]
    np.save(f"{folder}/x.npy", x)
    subprocess.run([program, "convert", "-q", f"{KERAS}{name}.keras", file], check=True)
    subprocess.run([program, "run", file, "-i", f"{folder}/x.npy", "-o", f"{folder}/y.npy"], check=True)
    with safe_open(file, "pt") as opened:
        config = json.loads(opened.metadata()["clrnn.config"])
        weights = {key: opened.get_tensor(key) for key in opened.keys()}
    module = Module(config).eval()
    missing, surplus = module.load_state_dict(weights, strict=False)
    assert not surplus and all(".bias_hh_" in key for key in missing), (missing, surplus)
    with torch.no_grad():
        for key in missing:  # Keras has one bias
            module.state_dict()[key].zero_()
        apart = float(np.abs(module(torch.from_numpy(x)).numpy() - np.load(f"{folder}/y.npy")).max())
    print(f"{name}: PyTorch and clRNN are {apart:.1e} apart")
    return apart < 1e-5


sys.exit(not all([check(name) for name in ("functional_plain", "both_dense", "frozen")]))
