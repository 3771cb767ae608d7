"""Log TensorFlow.js models to MLflow, for Baton to serve.

MLflow has no flavor for TensorFlow.js. This module is one: it puts the output folder of tensorflowjs_converter into
a model folder, with an MLmodel that says what it is. It needs mlflow and numpy; neither TensorFlow nor Node.js.

    import baton_tfjs

    baton_tfjs.log_model("converted", name="digits", registered_model_name="digits", input_example=rows)

Baton serves such a model; mlflow.pyfunc and `mlflow models serve` refuse it, since Python cannot run it.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import Model, ModelInputExample, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME, ModelInfo
from mlflow.models.utils import _save_example
from mlflow.types import Schema, TensorSpec

FLAVOR_NAME = "tfjs"
FORMATS = ("graph-model", "layers-model")
BACKENDS = ("auto", "wasm", "cpu", "tfjs-node")

_DATA = "model"

# What TensorFlow.js makes of TensorFlow's element types; it has no wider ones.
_DTYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float32",
    "DT_HALF": "float32",
    "DT_INT8": "int32",
    "DT_INT16": "int32",
    "DT_INT32": "int32",
    "DT_INT64": "int32",
    "DT_UINT8": "int32",
    "DT_BOOL": "bool",
    "DT_STRING": "object",
}


def log_model(
    folder: str | Path,
    name: str,
    *,
    registered_model_name: str | None = None,
    signature: ModelSignature | None = None,
    input_example: ModelInputExample | None = None,
    backend: str | None = None,
    **kwargs: Any,
) -> ModelInfo:
    """Log the folder that tensorflowjs_converter wrote as a model of the active run.

    Further keyword arguments go to ``mlflow.models.Model.log``: ``metadata``, ``tags``, ``params``, ``run_id``.
    The other arguments are those of ``save_model``.
    """
    return Model.log(
        artifact_path=None,
        name=name,
        flavor=sys.modules[__name__],
        flavor_name=FLAVOR_NAME,
        registered_model_name=registered_model_name,
        folder=folder,
        signature=signature,
        input_example=input_example,
        backend=backend,
        # It would be tried with mlflow.pyfunc.
        validate_serving_input=False,
        **kwargs,
    )


def save_model(
    folder: str | Path,
    path: str | Path,
    *,
    mlflow_model: Model | None = None,
    signature: ModelSignature | None = None,
    input_example: ModelInputExample | None = None,
    backend: str | None = None,
    metadata: dict[str, Any] | None = None,
    validate_serving_input: bool = False,  # noqa: ARG001 (Model.log passes it)
) -> None:
    """Save the folder that tensorflowjs_converter wrote as an MLflow model folder.

    :param folder: Holds model.json and the weights it names.
    :param path: Model folder to write; must not exist, or be empty.
    :param signature: Made from model.json where it says what goes in and out, unless one is given.
    :param input_example: Rows for warming the model up before its first request.
    :param backend: What is to compute: auto (the default), wasm, cpu or tfjs-node.
    :param metadata: Stored in MLmodel.
    """
    folder, path = Path(folder), Path(path)
    if backend is not None and backend not in BACKENDS:
        raise ValueError(f"Expected backend to be one of {', '.join(BACKENDS)}, got {backend!r}")
    model_json = _read_model_json(folder)
    if path.exists() and any(path.iterdir()):
        raise FileExistsError(f"{path} exists and is not empty")
    _copy(folder, path / _DATA, model_json)

    model = mlflow_model or Model(metadata=metadata)
    signature = signature or infer_signature(folder)
    if signature is not None:
        model.signature = signature
    if input_example is not None:
        _save_example(model, input_example, str(path))
    flavor = {
        "data": _DATA,
        "format": model_json["format"],
        "tfjs_version": _tfjs_version(model_json),
        "converted_by": model_json.get("convertedBy"),
        "generated_by": model_json.get("generatedBy"),
    }
    if backend is not None:
        flavor["backend"] = backend
    model.add_flavor(FLAVOR_NAME, **flavor)
    model.save(str(path / MLMODEL_FILE_NAME))


def infer_signature(folder: str | Path) -> ModelSignature | None:
    """The signature that a graph-model's model.json has; None for one that has none, or a shape of unknown rank.

    One input or output alone has no name, so that nested lists and data frames are accepted as they are for Keras.
    """
    signature = _read_model_json(Path(folder)).get("signature") or {}
    inputs, outputs = _schema(signature.get("inputs")), _schema(signature.get("outputs"))
    return None if inputs is None else ModelSignature(inputs=inputs, outputs=outputs)


def _schema(entries: dict[str, dict] | None) -> Schema | None:
    # Those with a resource are hash tables, which the model feeds itself.
    tensors = {k: v for k, v in (entries or {}).items() if v.get("resourceId") is None}
    specs = []
    for name, tensor in tensors.items():
        dtype = _DTYPES.get(tensor.get("dtype"))
        shape = tensor.get("tensorShape")
        if dtype is None or shape is None or shape.get("unknownRank"):
            return None
        sizes = tuple(int(dim.get("size", 0)) for dim in shape.get("dim", []))
        specs.append(TensorSpec(np.dtype(dtype), sizes, name if len(tensors) > 1 else None))
    return Schema(specs) if specs else None


def _read_model_json(folder: Path) -> dict[str, Any]:
    path = folder / "model.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no model.json: expected the output folder of tensorflowjs_converter")
    model_json = json.loads(path.read_text())
    if model_json.get("format") not in FORMATS:
        raise ValueError(f"Expected format of {path} to be one of {', '.join(FORMATS)}, got {model_json.get('format')!r}")
    keras_version = str(model_json["modelTopology"].get("keras_version", ""))
    if model_json["format"] == "layers-model" and re.match(r"[3-9]\.", keras_version):
        raise ValueError(
            f"TensorFlow.js cannot read a layers-model of Keras {keras_version}. Convert it to a graph-model: "
            "model.export('saved'), then tensorflowjs_converter --input_format=tf_saved_model --control_flow_v2=True saved FOLDER"
        )
    return model_json


def _copy(folder: Path, target: Path, model_json: dict[str, Any]) -> None:
    """The files that belong to the model, and no others that may lie in the folder."""
    target.mkdir(parents=True)
    names = [name for group in model_json.get("weightsManifest", []) for name in group["paths"]]
    for name in ["model.json", *names]:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"model.json names the weights file {name!r}, which lies outside {folder}")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, target / name)


def _tfjs_version(model_json: dict[str, Any]) -> str | None:
    found = re.search(r"v(\d+\.\d+\.\d+)", model_json.get("convertedBy") or "")
    return found.group(1) if found else None
