#!/usr/bin/env python3
"""Register the affine model in TensorFlow.js' format, with python/baton_tfjs.py.

register_tfjs.py NAME SEED    log y = x @ W + SEED, register it as NAME's next version, print the version

The same numbers as register.py's ONNX model gives for that seed, and the same signature.
"""

import json
import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))

import baton_tfjs  # noqa: E402


def attributes(**more: dict) -> dict:
    return {"T": {"type": "DT_FLOAT"}, **more}


def constant(name: str, sizes: tuple[int, ...]) -> dict:
    shape = {"dim": [{"size": str(size)} for size in sizes]}
    value = {"tensor": {"dtype": "DT_FLOAT", "tensorShape": shape}}
    return {"name": name, "op": "Const", "attr": {"dtype": {"type": "DT_FLOAT"}, "value": value}}


def tensor(name: str, width: int) -> dict:
    shape = {"dim": [{"size": "-1"}, {"size": str(width)}]}
    return {"name": f"{name}:0", "dtype": "DT_FLOAT", "tensorShape": shape}


def write(folder: Path, seed: int) -> None:
    w = (np.add.outer(np.arange(4), np.arange(2)) / 10).astype(np.float32)
    b = np.full(2, seed, np.float32)
    plain = {"transpose_a": {"b": False}, "transpose_b": {"b": False}}
    placeholder = {"dtype": {"type": "DT_FLOAT"}, "shape": {"shape": tensor("x", 4)["tensorShape"]}}
    nodes = [
        {"name": "x", "op": "Placeholder", "attr": placeholder},
        constant("w", (4, 2)),
        constant("b", (2,)),
        {"name": "product", "op": "MatMul", "input": ["x", "w"], "attr": attributes(**plain)},
        {"name": "y", "op": "AddV2", "input": ["product", "b"], "attr": attributes()},
    ]
    weights = [
        {"name": "w", "shape": [4, 2], "dtype": "float32"},
        {"name": "b", "shape": [2], "dtype": "float32"},
    ]
    model = {
        "format": "graph-model",
        "generatedBy": "register_tfjs.py",
        "convertedBy": None,
        "signature": {"inputs": {"x": tensor("x", 4)}, "outputs": {"y": tensor("y", 2)}},
        "modelTopology": {"node": nodes, "library": {}, "versions": {"producer": 1}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    }
    (folder / "model.json").write_text(json.dumps(model))
    (folder / "weights.bin").write_bytes(w.tobytes() + b.tobytes())


def register(name: str, seed: int) -> str:
    x = np.arange(4, dtype=np.float32).reshape(1, 4)
    y = (x @ np.add.outer(np.arange(4), np.arange(2)) / 10 + seed).astype(np.float32)
    mlflow.set_experiment(name)
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        write(Path(folder), seed)
        info = baton_tfjs.log_model(
            folder,
            name="model",
            registered_model_name=name,
            signature=mlflow.models.infer_signature({"x": x}, {"y": y}),
            input_example={"x": x},
        )
    return str(info.registered_model_version)


if __name__ == "__main__":
    print(register(sys.argv[1], int(sys.argv[2])))
