#!/usr/bin/env python3
"""Train version 1 of optical-digits in Keras, convert it for TensorFlow.js and save it as an MLflow model folder.

Writes 1/ and expected.json beside this file and prints the accuracy on digits that it was not trained on.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflowjs.converters import tf_saved_model_conversion_v2

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python"))

import baton_tfjs  # noqa: E402

SEED = 0
VERSION = "1"


def network() -> keras.Model:
    """8x8 pixels from 0 to 16 in, ten probabilities out."""
    return keras.Sequential(
        [
            layers.Input((8, 8), name="pixels"),
            layers.Rescaling(1 / 16),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def save(model: keras.Model, example: np.ndarray, metadata: dict[str, object]) -> None:
    folder = HERE / VERSION
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        saved, converted = f"{temporary}/saved", f"{temporary}/converted"
        model.export(saved, verbose=False)
        tf_saved_model_conversion_v2.convert_tf_saved_model(saved, converted)
        baton_tfjs.save_model(converted, folder, input_example=example, metadata=metadata)


def main() -> None:
    keras.utils.set_random_seed(SEED)
    digits = load_digits()
    pixels = digits.images.astype(np.float32)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, digits.target, test_size=0.3, stratify=digits.target, random_state=SEED
    )
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(train_x, train_y, batch_size=32, epochs=20, verbose=0)
    right = int((model.predict(test_x, verbose=0).argmax(axis=1) == test_y).sum())
    accuracy = right / len(test_y)
    metadata = {"classes": list(range(10)), "held_out_accuracy": round(accuracy, 4)}
    save(model, test_x[:1], metadata)
    write_expected(model, test_x[:6], test_y[:6])
    print(f"accuracy {accuracy:.4f}, {right} of {len(test_y)} held-out digits")


def write_expected(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """For tests: what Keras answers."""
    answers = np.asarray(model(images, training=False))
    expected = {
        "inputs": images.astype(int).tolist(),
        "labels": labels.tolist(),
        "predictions": answers.tolist(),
    }
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
