"""Tokens and TLS on a real cluster: every method is closed, and opens to whom it should."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import yaml

from seom import Client, NotFound, PermissionDenied, SeomError, Unauthenticated
from seom.pb.inference import grpc_service_pb2 as pb
from serving.services.catalog import CATALOG, Rpc
from tests.conftest import RunningCluster, new_cluster
from tests.errors import details_of
from tests.small_models import write_repository

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

ROW = np.float32([[1, 2, 3, 4]])
BYTES = np.uint8([[1, 2, 3, 4]])
EVERY = [rpc for service in CATALOG.values() for rpc in service]


@dataclass
class Guarded:
    cluster: RunningCluster
    certificate: bytes
    file: Path
    tokens: dict[str, str]

    def client(self, who: str | None) -> Client:
        token = self.tokens[who] if who else ""
        return Client(
            self.cluster.address,
            token=token,
            root_certificates=self.certificate,
            timeout=20,
            retries=False,
        )


def new_token(cluster: RunningCluster, *arguments: str) -> tuple[str, dict[str, Any]]:
    """A token and its entry, as `seom token` makes them."""
    done = cluster.seom("token", *arguments)
    (entry,) = yaml.safe_load(done.stdout)["tokens"]
    token = done.stderr.strip().rpartition(" ")[2]
    assert token not in done.stdout
    return token, entry


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=seom",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    cluster = new_cluster(write_repository(folder / "repository"))
    made = {
        "reader": new_token(cluster, "acme", "--models", "identity"),
        "admin": new_token(cluster, "ops", "--scopes", "infer,admin"),
    }
    file = folder / "tokens.yaml"
    file.write_text(yaml.safe_dump({"tokens": [entry for _, entry in made.values()]}))
    try:
        cluster.up(
            "--models", "identity,bytes8", "--tokens", str(file),
            "--tls-certificate", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"),
            "--no-reflection",
        )  # fmt: skip
        certificate = (folder / "cert.pem").read_bytes()
        yield Guarded(cluster, certificate, file, {who: token for who, (token, _) in made.items()})
    finally:
        cluster.down()
        shutil.rmtree(cluster.home, ignore_errors=True)


@pytest.fixture
def channel(guarded: Guarded) -> Iterator[Any]:
    credentials = grpc.ssl_channel_credentials(guarded.certificate)
    with grpc.secure_channel(guarded.cluster.address, credentials) as channel:
        yield channel


def call(channel: Any, rpc: Rpc, metadata: list[tuple[str, str]]) -> None:
    path, message = f"/{rpc.service}/{rpc.name}", rpc.request()
    if rpc.client_streaming:
        list(channel.stream_stream(path)(iter([message.SerializeToString()]), metadata=metadata))
    elif rpc.server_streaming:
        next(channel.unary_stream(path)(message.SerializeToString(), metadata=metadata))
    else:
        channel.unary_unary(path)(message.SerializeToString(), metadata=metadata, timeout=10)


@pytest.mark.parametrize("token", [None, "wrong", "reader "])
@pytest.mark.parametrize("rpc", EVERY, ids=lambda rpc: f"{rpc.service}/{rpc.name}")
def test_every_method_wants_a_token(channel: Any, rpc: Rpc, token: str | None) -> None:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    if rpc.name == "Check":
        call(channel, rpc, metadata)
        return
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, rpc, metadata)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert details_of(raised.value).reason == "UNAUTHENTICATED"


def test_a_token_reaches_its_models_and_no_others(guarded: Guarded) -> None:
    with guarded.client("reader") as reader:
        assert np.array_equal(reader.infer("identity", {"input": ROW})["output"], ROW)
        assert np.array_equal(reader.infer("identity@1", {"input": ROW})["output"], ROW)
        for name in ("bytes8", "nobody"):  # whether or not there is such a model
            with pytest.raises(PermissionDenied):
                reader.infer(name, {"input": BYTES})
        assert {model.name for model in reader.models()} == {"identity"}
        assert {entry.name for entry in reader.statistics()} == {"identity"}
        for ask in (reader.metadata, reader.config, reader.statistics):
            with pytest.raises(PermissionDenied):
                ask("bytes8")


def test_a_header_for_an_allowed_model_does_not_carry_another(
    guarded: Guarded, channel: Any
) -> None:
    request = pb.ModelInferRequest(model_name="bytes8")
    request.inputs.add(name="input", datatype="UINT8", shape=BYTES.shape)
    request.raw_input_contents.append(BYTES.tobytes())
    metadata = [
        ("authorization", f"Bearer {guarded.tokens['reader']}"),
        ("application", "identity"),
        ("x-seom-models", "*"),
        ("x-seom-scopes", "infer,admin"),
    ]
    infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    with pytest.raises(grpc.RpcError) as raised:
        infer(request.SerializeToString(), metadata=metadata, timeout=10)
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    stream = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
    (answer,) = stream(iter([request.SerializeToString()]), metadata=metadata, timeout=10)
    refused = pb.ModelStreamInferResponse.FromString(answer)
    assert refused.error_message
    assert not refused.infer_response.raw_output_contents


def test_admin_methods_want_the_scope(guarded: Guarded) -> None:
    with guarded.client("reader") as reader, pytest.raises(PermissionDenied):
        reader.load("identity")
    with guarded.client("admin") as admin:
        with pytest.raises(NotFound):
            admin.load("nobody")
        assert admin.infer("bytes8", {"input": BYTES})["output"].tolist() == BYTES.tolist()


def test_tokens_are_read_again_when_the_file_changes(guarded: Guarded) -> None:
    token, entry = new_token(guarded.cluster, "late")
    before = yaml.safe_load(guarded.file.read_text())
    with Client(
        guarded.cluster.address, token=token, root_certificates=guarded.certificate, retries=False
    ) as late:
        with pytest.raises(Unauthenticated):
            late.infer("bytes8", {"input": BYTES})
        guarded.file.write_text(yaml.safe_dump({"tokens": [*before["tokens"], entry]}))
        assert eventually(lambda: late.infer("bytes8", {"input": BYTES})) is None
        guarded.file.write_text("tokens: nonsense")  # a bad file changes nothing
        time.sleep(1.5)
        late.infer("bytes8", {"input": BYTES})
        guarded.file.write_text(yaml.safe_dump(before))
        assert isinstance(
            eventually(lambda: late.infer("bytes8", {"input": BYTES}), fails=True), Unauthenticated
        )


def eventually(call: Any, fails: bool = False, patience: float = 5.0) -> SeomError | None:
    """Repeats a call until it succeeds (or fails); returns its last error."""
    deadline = time.monotonic() + patience
    while True:
        try:
            call()
            error = None
        except SeomError as raised:
            error = raised
        if (error is not None) == fails or time.monotonic() > deadline:
            return error
        time.sleep(0.05)


def test_reflection_is_off(guarded: Guarded, channel: Any) -> None:
    rpc = next(rpc for rpc in EVERY if rpc.name == "ServerReflectionInfo")
    with pytest.raises(grpc.RpcError) as raised:
        call(channel, rpc, [("authorization", f"Bearer {guarded.tokens['admin']}")])
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_no_token_is_in_any_log(guarded: Guarded) -> None:
    logs = guarded.cluster.seom("logs", "--address", guarded.cluster.address, "-n", "100000")
    for token in guarded.tokens.values():
        assert token not in logs.stdout
    for file in guarded.cluster.home.rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            assert not any(token.encode() in text for token in guarded.tokens.values()), file


def test_plain_text_is_not_answered_on_the_tls_port(guarded: Guarded) -> None:
    with grpc.insecure_channel(guarded.cluster.address) as plain:
        with pytest.raises(grpc.RpcError) as raised:
            call(plain, EVERY[0], [])
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_off_loopback_without_tokens_is_refused(tmp_path: Path) -> None:
    cluster = new_cluster(write_repository(tmp_path))
    done = cluster.seom(
        "up", "--detach", "--repo", str(tmp_path), "--profile", "cpu",
        "--address", f"0.0.0.0:{cluster.port}",
    )  # fmt: skip
    assert done.returncode == 1
    assert "token" in done.stderr
    assert "Traceback" not in done.stderr
