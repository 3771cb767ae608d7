"""MLflow's own clients against a server that is not MLflow's.

    python clients.py save FOLDER       saves models with input examples as FOLDER/<name>/1, a folder registry
    python clients.py ask FOLDER URL    asks for each in every way, and prints what went wrong as JSON: check -> problem or null
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures" / "mlflow"))
os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite://")
warnings.simplefilter("ignore")

import mlflow.onnx
import mlflow.pyfunc
import numpy as np
import pandas as pd
import requests
from mlflow.models import ModelSignature, convert_input_example_to_serving_input, validate_serving_input
from mlflow.pyfunc.scoring_server import _get_jsonable_obj
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from mlflow.types import ParamSchema, ParamSpec
from mlflow.utils.proto_json_utils import NumpyEncoder

from models import columns, copy, tensors

logging.disable(logging.CRITICAL)

THRESHOLD = ParamSchema([ParamSpec("threshold", "double", 0.5)])

# Name to graph, inputs of the signature, its params, and what a client sends.
MODELS = {
    "columns": (
        copy(("x", "double", "n", 2)), columns(("double", "a"), ("double", "b")), None,
        pd.DataFrame({"b": [0.1, 1e300], "a": [2.0, -0.0]}),
    ),
    "text": (
        copy(("x", "string", "n", "k")), columns(("string", "s"), ("long", "n")), THRESHOLD,
        pd.DataFrame({"s": ["é", "it's"], "n": [1, 2**53 + 1]}),
    ),
    "free": (copy(("x", "double", "n", "k")), None, None, pd.DataFrame({"p": [1.5], "q": [2.5]})),
    "tensor": (
        copy(("x", "float", "n", 2)), tensors(("float32", (-1, 2), None)), None,
        np.array([[0.1, 3.4e38], [-1, 0]], dtype=np.float32),
    ),
    "tensors": (
        copy(("a", "float", "n", 2), ("b", "int64", "n")), tensors(("float32", (-1, 2), "a"), ("int64", (-1,), "b")), THRESHOLD,
        {"a": np.array([[0.1, 2]], dtype=np.float32), "b": np.array([2**62])},
    ),
}


def save(folder: Path) -> None:
    for name, (graph, inputs, params, example) in MODELS.items():
        signature = None if inputs is None else ModelSignature(inputs=inputs, params=params)
        mlflow.onnx.save_model(
            graph, str(folder / name / "1"), signature=signature, input_example=example,
            pip_requirements=["onnxruntime"], save_as_external_data=False,
        )


def jsonable(predictions: object) -> object:
    """Predictions as the scoring server writes them, read again."""
    return json.loads(json.dumps(_get_jsonable_obj(predictions, pandas_orient="records"), cls=NumpyEncoder))


def expect(received: object, expected: object) -> None:
    # Text, for NaN equals nothing.
    if json.dumps(received) != json.dumps(expected):
        raise AssertionError(f"expected {expected}, received {received}")


def client_of(url: str, model: str) -> ScoringServerClient:
    parts = urlsplit(url)
    client = ScoringServerClient(parts.hostname, parts.port)
    client.url_prefix = f"{url}/models/{model}"
    return client


def invokes(folder: Path, url: str, name: str) -> None:
    """`ScoringServerClient.invoke` gives what the model itself predicts."""
    example, params = MODELS[name][3], {"threshold": 0.25} if MODELS[name][2] else None
    model = mlflow.pyfunc.load_model(str(folder / name / "1"))
    response = client_of(url, name).invoke(example, params=params)
    expect(json.loads(response.to_json())["predictions"], jsonable(model.predict(example, params=params)))


def validates(folder: Path, url: str, name: str) -> None:
    """A serving input made from the example is valid, and is answered as `validate_serving_input` predicts."""
    path = str(folder / name / "1")
    for payload in (convert_input_example_to_serving_input(MODELS[name][3]), mlflow.models.Model.load(path).get_serving_input(path)):
        response = requests.post(f"{url}/models/{name}/invocations", data=payload, headers={"Content-Type": "application/json"})
        if response.status_code != 200:
            raise AssertionError(f"{response.status_code} {response.text}")
        expect(response.json()["predictions"], jsonable(validate_serving_input(path, payload)))


def refuses(_: Path, url: str, name: str) -> None:
    """What does not fit is an exception that quotes the server."""
    try:
        client_of(url, name).invoke({"zz": np.array([[["x"]]])})
    except Exception as e:
        if "Invocation failed (error code 400" not in str(e) or "error_code" not in str(e):
            raise
    else:
        raise AssertionError("expected a refusal")


def reads(_: Path, url: str, name: str) -> None:
    """`PredictionsResponse` turns the answer into a frame, and an array."""
    response = client_of(url, name).invoke(MODELS[name][3])
    expect(response.get_predictions().shape[0] > 0, True)
    expect(response.get_predictions("ndarray").shape[0] > 0, True)


def ask(folder: Path, url: str) -> dict[str, str | None]:
    parts = urlsplit(url)
    ScoringServerClient(parts.hostname, parts.port).wait_server_ready(timeout=60)
    expect(ScoringServerClient(parts.hostname, parts.port).get_version() != "", True)
    problems = {}
    for check, names in ((invokes, MODELS), (validates, MODELS), (refuses, MODELS), (reads, ("columns", "free"))):
        for name in names:
            try:
                check(folder, url, name)
                problems[f"{check.__name__} {name}"] = None
            except Exception as e:
                problems[f"{check.__name__} {name}"] = f"{type(e).__name__}: {e}"
    return problems


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save(Path(sys.argv[2]))
    else:
        print(json.dumps(ask(Path(sys.argv[2]), sys.argv[3])))
