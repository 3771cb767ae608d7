"""Put models into an MLflow registry that its own script does not make.

    register_more.py folders NAME=FOLDER...   log each folder as it is, register it as NAME's next version
    register_more.py sized NAME COUNT MIB     log models of so many MiB, register them as NAME's versions 1 to COUNT
    register_more.py sklearn NAME             log a scikit-learn model in its own flavor, register it

Reads MLFLOW_TRACKING_URI and the rest from the environment, as any client of MLflow.
"""

import sys

import mlflow
from mlflow import MlflowClient


def register_folders(pairs: list[str]) -> None:
    client = MlflowClient()
    folders = [pair.split("=", 1) for pair in pairs]
    for name in dict(folders):
        client.create_registered_model(name)
    for name, folder in folders:
        with mlflow.start_run() as run:
            mlflow.log_artifacts(folder, "model")
        client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)


def register_sized(name: str, count: int, mebibytes: int) -> None:
    """y = x @ W + SEED as in the registry script, beside a table that is looked up by an index that only a run knows."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weights = (np.add.outer(np.arange(4), np.arange(2)) / 10).astype(np.float32)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["affine"]),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
        helper.make_node("Cast", ["nothing"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["looked_up"]),
        helper.make_node("Add", ["affine", "looked_up"], ["y"]),
    ]
    for seed in range(1, count + 1):
        graph = helper.make_graph(
            nodes,
            "sized",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
            [
                numpy_helper.from_array(weights, "w"),
                numpy_helper.from_array(np.full(2, seed, np.float32), "b"),
                numpy_helper.from_array(np.zeros((), np.float32), "zero"),
                numpy_helper.from_array(np.zeros(max(1, mebibytes * 2**18), np.float32), "table"),
            ],
        )
        example = {"x": np.arange(4, dtype=np.float32).reshape(1, 4)}
        mlflow.onnx.log_model(
            helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]),
            name="model",
            registered_model_name=name,
            signature=mlflow.models.infer_signature(example, {"y": np.zeros((1, 2), np.float32)}),
            input_example=example,
            pip_requirements=["onnx", "onnxruntime"],
        )


def register_sklearn(name: str) -> None:
    from sklearn.dummy import DummyClassifier

    model = DummyClassifier(strategy="most_frequent").fit([[0.0], [1.0]], [0, 1])
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name=name, serialization_format="cloudpickle"
    )


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    mlflow.set_experiment("interop")
    if command == "folders":
        register_folders(rest)
    elif command == "sized":
        register_sized(rest[0], int(rest[1]), int(rest[2]))
    else:
        register_sklearn(rest[0])
