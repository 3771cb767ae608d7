#!/usr/bin/env python3
"""Train the two versions of iris-classifier and save them as MLflow model folders.

Writes 1/, 2/ and expected.json beside this file and prints the accuracy of both versions on rows
that neither was trained on.
"""

import json
import shutil
from pathlib import Path

import mlflow.onnx
import numpy as np
import onnx
import onnxruntime
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 0

CLASSIFIERS: dict[str, ClassifierMixin] = {
    "1": make_pipeline(StandardScaler(), LogisticRegression()),
    "2": RandomForestClassifier(n_estimators=32, max_depth=4, random_state=SEED),
}
DESCRIPTIONS = {
    "1": "logistic regression on standardised features",
    "2": "random forest, 32 trees of depth 4 at most",
}

# One tensor without a name: MLflow then takes a nested list under "inputs" as it is, and four
# data frame columns as well. A named tensor would refuse both.
SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 4))]),
    outputs=Schema(
        [
            TensorSpec(np.dtype(np.int64), (-1,), "label"),
            TensorSpec(np.dtype(np.float32), (-1, 3), "probabilities"),
        ]
    ),
)

# A clear row of each class, one row on which the versions disagree (class 2 in the data), whole
# numbers, and a flower larger than any in the data.
ROWS = np.array(
    [
        [5.1, 3.5, 1.4, 0.2],
        [5.9, 3.0, 4.2, 1.5],
        [6.3, 3.3, 6.0, 2.5],
        [6.1, 2.6, 5.6, 1.4],
        [5, 3, 1, 0],
        [9.5, 5.0, 8.5, 4.0],
    ],
    dtype=np.float32,
)


def to_onnx(classifier: ClassifierMixin, version: str) -> onnx.ModelProto:
    """Convert to one input X and two plain tensors, label and probabilities."""
    model = convert_sklearn(
        classifier,
        name=f"iris-classifier-{version}",  # without a name, a random one is made
        initial_types=[("X", FloatTensorType([None, 4]))],
        # Without this, probabilities is a list of maps, as scikit-learn's users of ONNX know it.
        options={id(classifier): {"zipmap": False}},
        target_opset=17,  # read by every ONNX Runtime since 1.12
    )
    # skl2onnx 1.20 names the default operator set twice.
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*opset) for opset in opsets.items())
    onnx.checker.check_model(model, full_check=True)
    return model


def predict(model: onnx.ModelProto, rows: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"X": rows}), strict=True))


def save(model: onnx.ModelProto, version: str, metadata: dict[str, object]) -> None:
    folder = HERE / version
    shutil.rmtree(folder, ignore_errors=True)
    mlflow.onnx.save_model(
        model,
        folder,
        signature=SIGNATURE,
        input_example=ROWS[:1],
        onnx_execution_providers=["CPUExecutionProvider"],
        metadata=metadata,
        save_as_external_data=False,
    )


def main() -> None:
    iris = load_iris()
    features = iris.data.astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        features, iris.target, test_size=0.3, stratify=iris.target, random_state=SEED
    )
    expected: dict[str, dict[str, list]] = {}
    for version, classifier in CLASSIFIERS.items():
        model = to_onnx(classifier.fit(train_x, train_y), version)
        right = int((predict(model, test_x)["label"] == test_y).sum())
        accuracy = right / len(test_y)
        save(
            model,
            version,
            {
                "classifier": DESCRIPTIONS[version],
                "classes": iris.target_names.tolist(),
                "features": iris.feature_names,
                "held_out_accuracy": round(accuracy, 4),
            },
        )
        expected[version] = {k: v.tolist() for k, v in predict(model, ROWS).items()}
        print(
            f"version {version}: {DESCRIPTIONS[version]}: "
            f"accuracy {accuracy:.4f}, {right} of {len(test_y)} held-out rows"
        )
    write_expected(expected)


def write_expected(answers: dict[str, dict[str, list]]) -> None:
    """For tests: what ONNX Runtime answers to ROWS. Probabilities may differ in the last digits
    of a float32 on another processor."""
    # str() gives a row's numbers as a person writes them, float() alone 17 digits of the float32.
    rows = [[float(str(value)) for value in row] for row in ROWS]
    text = json.dumps({"rows": rows, "versions": answers}, indent=2)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
