"""Saves the described models as MLflow does and answers for them with the real scoring server.

    python reference_server.py MODELS.json FOLDER

MODELS.json is a list of `ModelSpec` (model-spec.ts). Each is saved as FOLDER/<name>/1, a folder registry. Prints
`port N` once it listens, and ends when its standard input does. Answers as test/fixtures/mlflow/README.md says they are
normalised: sets in order, no stack trace.

    POST /models/<name>/invocations   the request as it is, by the scoring server of that model
    POST /parquet                     a table as `ParquetTable` (parquet-bodies.ts) describes it, as the bytes of a file
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "mlflow"
# Two things that MLflow prints depend on the process: the order of sets and the width of the terminal.
FIXED = {"PYTHONHASHSEED": "0", "COLUMNS": "80", "LINES": "24", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"}
if any(os.environ.get(name) != text for name, text in FIXED.items()):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **FIXED})
sys.path.insert(0, str(FIXTURES))

import asyncio
import io
import json
import logging
import socket
import threading
import warnings

warnings.simplefilter("ignore")

import mlflow.onnx
import mlflow.pyfunc
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from onnx import helper
from starlette.requests import Request
from starlette.responses import Response

from models import ELEMENT, IR_VERSION, OPSET
from record import normalise

logging.disable(logging.CRITICAL)


def graph(spec: dict) -> onnx.ModelProto:
    """Every output is one input, copied or cast."""
    nodes = []
    for output in spec["outputs"]:
        if output["dtype"] == next(i["dtype"] for i in spec["inputs"] if i["name"] == output["input"]):
            nodes.append(helper.make_node("Identity", [output["input"]], [output["name"]]))
        else:
            nodes.append(helper.make_node("Cast", [output["input"]], [output["name"]], to=ELEMENT[output["dtype"]]))
    values = {
        kind: [helper.make_tensor_value_info(v["name"], ELEMENT[v["dtype"]], v["shape"]) for v in spec[kind]]
        for kind in ("inputs", "outputs")
    }
    return helper.make_model(
        helper.make_graph(nodes, "g", values["inputs"], values["outputs"]),
        ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="fuzz",
    )


def save(spec: dict, folder: Path) -> None:
    signature = spec["signature"] and ModelSignature.from_dict({"outputs": None, **spec["signature"]})
    mlflow.onnx.save_model(
        graph(spec), str(folder), signature=signature, pip_requirements=["onnxruntime"], save_as_external_data=False,
    )


class ScoringServer:
    """The scoring server of one model, its refusals made the same in every process."""

    def __init__(self, folder: Path):
        self.app = scoring_server.init(mlflow.pyfunc.load_model(str(folder)))

    async def __call__(self, scope, receive, send):
        start = {}
        chunks = []

        async def collect(message):
            if message["type"] == "http.response.start":
                start.update(message)
                return
            chunks.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = b"".join(chunks)
            if start["status"] >= 400:
                body = normalise(body.decode()).encode()
            headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
            await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        try:
            await self.app({**scope, "path": "/invocations", "root_path": ""}, receive, collect)
        except Exception:
            # Starlette raises again what it has answered with a 500; here it would close the connection.
            if not start:
                raise


def parquet(body: bytes) -> Response:
    try:
        return Response(write_parquet(json.loads(body)))
    except Exception as e:
        return Response(f"{type(e).__name__}: {e}", status_code=400)


def write_parquet(table: dict) -> bytes:
    arrays = [pa.array(c["values"], type=arrow_type(c["type"])) for c in table["columns"]]
    made = pa.Table.from_arrays(arrays, names=[c["name"] for c in table["columns"]])
    file = io.BytesIO()
    if table["pandas"]:
        made = pa.Table.from_pandas(made.to_pandas())
    pq.write_table(made, file, **table["options"])
    return file.getvalue()


def arrow_type(text: str) -> pa.DataType:
    if text.startswith("list<"):
        return pa.list_(arrow_type(text[5:-1]))
    if text.startswith("decimal"):
        return pa.decimal128(10, 2)
    return pa.type_for_alias(text)


def main() -> None:
    specs = json.loads(Path(sys.argv[1]).read_text())
    registry = Path(sys.argv[2])
    servers = {}
    for spec in specs:
        folder = registry / spec["name"] / "1"
        try:
            save(spec, folder)
            servers[f"/models/{spec['name']}/invocations"] = ScoringServer(folder)
        except Exception as e:
            raise SystemExit(f"cannot save {json.dumps(spec)}: {type(e).__name__}: {e}") from e
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)

    async def dispatch(scope, receive, send):
        if scope["path"] == "/parquet":
            answer = parquet(await Request(scope, receive).body())
            await answer(scope, receive, send)
        else:
            await servers[scope["path"]](scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(dispatch, log_level="critical", lifespan="off"))
    print(f"port {listener.getsockname()[1]}", flush=True)

    def end_with_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
