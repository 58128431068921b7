"""The protocol we publish: the wire contract with Triton's clients, and our own rules."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

import seom.pb

OURS = "seom.pb.inference"
THEIRS = "tritonclient.grpc"


def our_files() -> list[Any]:
    """The descriptor of every generated file, found rather than listed."""
    modules = [
        importlib.import_module(info.name)
        for info in pkgutil.walk_packages(seom.pb.__path__, "seom.pb.")
        if info.name.endswith("_pb2")
    ]
    return [module.DESCRIPTOR for module in modules]


def our_services() -> list[Any]:
    return [service for file in our_files() for service in file.services_by_name.values()]


def messages(files: Iterable[Any]) -> dict[str, Any]:
    """Every message of some files by full name, nested ones and map entries included."""

    def walk(message: Any) -> Iterator[Any]:
        yield message
        for nested in message.nested_types:
            yield from walk(nested)

    return {
        each.full_name: each
        for file in files
        for top in file.message_types_by_name.values()
        for each in walk(top)
    }


def enums(files: Iterable[Any]) -> dict[str, dict[str, int]]:
    files = list(files)
    nested = (enum for message in messages(files).values() for enum in message.enum_types)
    top = (enum for file in files for enum in file.enum_types_by_name.values())
    return {
        enum.full_name: {value.name: value.number for value in enum.values}
        for enum in (*top, *nested)
    }


def fields(message: Any) -> dict[str, tuple[Any, ...]]:
    """What the wire and JSON know of each field: number, type, label, and of which oneof."""
    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            field.is_packed,
            field.message_type.full_name if field.message_type else None,
            field.enum_type.full_name if field.enum_type else None,
            field.containing_oneof.name if field.containing_oneof else None,
        )
        for field in message.fields
    }


def rpcs(service: Any) -> dict[str, tuple[Any, ...]]:
    return {
        method.name: (
            method.input_type.full_name,
            method.output_type.full_name,
            method.client_streaming,
            method.server_streaming,
        )
        for method in service.methods
    }


def inference_files(package: str, service: str, config: str) -> list[Any]:
    return [importlib.import_module(f"{package}.{name}").DESCRIPTOR for name in (service, config)]


@pytest.fixture(scope="module")
def ours() -> list[Any]:
    return inference_files(OURS, "grpc_service_pb2", "model_config_pb2")


@pytest.fixture(scope="module")
def theirs() -> list[Any]:
    return inference_files(THEIRS, "service_pb2", "model_config_pb2")


def test_messages_and_enums_are_tritons_in_both_directions(
    ours: list[Any], theirs: list[Any]
) -> None:
    assert messages(ours).keys() == messages(theirs).keys()
    assert enums(ours) == enums(theirs)


def test_every_field_is_tritons_in_both_directions(ours: list[Any], theirs: list[Any]) -> None:
    here, there = messages(ours), messages(theirs)
    differing = {
        name: (fields(here[name]), fields(there[name]))
        for name in here.keys() & there.keys()
        if fields(here[name]) != fields(there[name])
    }
    assert not differing
    assert len(here) > 80  # the comparison compared something


def test_every_rpc_is_tritons_in_both_directions(ours: list[Any], theirs: list[Any]) -> None:
    (service,) = ours[0].services_by_name.values()
    (triton,) = theirs[0].services_by_name.values()
    assert service.full_name == triton.full_name == "inference.GRPCInferenceService"
    assert rpcs(service) == rpcs(triton)
    assert len(rpcs(service)) == 20


@pytest.mark.parametrize("order", [(OURS, THEIRS), (THEIRS, OURS)], ids=["ours first", "ours last"])
def test_one_process_holds_both_stubs(order: tuple[str, str]) -> None:
    """protobuf's default pool takes a symbol once; a second definition ends the import."""
    names = {OURS: "grpc_service_pb2", THEIRS: "service_pb2"}
    imports = [f"import {package}.{names[package]}" for package in order]
    program = "\n".join(
        [
            *imports,
            f"from {OURS} import grpc_service_pb2 as ours, grpc_service_pb2_grpc",
            f"from {THEIRS} import service_pb2 as theirs, service_pb2_grpc",
            "assert ours.ModelInferRequest is not theirs.ModelInferRequest",
            "raw = ours.ModelInferRequest(model_name='m', raw_input_contents=[b'x'])",
            "back = theirs.ModelInferRequest.FromString(raw.SerializeToString())",
            "assert back.model_name == 'm' and list(back.raw_input_contents) == [b'x']",
            "print('both')",
        ]
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "both", ran.stderr


def test_rpc_names_are_unique_over_all_services() -> None:
    """Ray dispatches on the last part of the path alone."""
    names = Counter(method.name for service in our_services() for method in service.methods)
    assert not [name for name, count in names.items() if count > 1]


def test_backend_teams_can_generate_from_every_file() -> None:
    for file in our_files():
        options = file.GetOptions()
        assert options.java_package, file.name
        assert options.java_multiple_files, file.name
        assert options.csharp_namespace, file.name


def test_typed_requests_start_with_the_model_and_responses_end_with_timing() -> None:
    """The edge routes by field 1; every client library can read field 15."""
    methods = [
        method
        for service in our_services()
        if service.full_name.startswith("seom.v1.")
        for method in service.methods
    ]
    assert methods
    for method in methods:
        first = method.input_type.fields_by_number[1]
        assert (first.name, first.type) == ("model_name", first.TYPE_STRING), method.full_name
        timing = method.output_type.fields_by_number[15]
        assert timing.name == "timing", method.full_name
        assert timing.message_type.full_name == "seom.v1.Timing", method.full_name
