"""Put models into an MLflow registry that its own script does not make.

    register_more.py folders NAME=FOLDER...   log each folder as it is, register it as NAME's next version
    register_more.py sklearn NAME             log a scikit-learn model in its own flavor, register it

Reads MLFLOW_TRACKING_URI and the rest from the environment, as any client of MLflow.
"""

import sys

import mlflow
from mlflow import MlflowClient


def register_folders(pairs: list[str]) -> None:
    client = MlflowClient()
    for pair in pairs:
        name, folder = pair.split("=", 1)
        with mlflow.start_run() as run:
            mlflow.log_artifacts(folder, "model")
        client.create_registered_model(name)
        client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)


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
    else:
        register_sklearn(rest[0])
