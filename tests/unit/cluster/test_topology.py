"""Addresses move whatever becomes of the repository; names come from its last good state."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from serving.cluster.topology import TopologyReader
from serving.edge.topology import Address
from serving.repository.config import ConfigError
from tests.small_models import write_repository


@dataclass
class Groups:
    """Target groups as Serve lists them; `ports` are an application's replicas, whose HTTP
    ports are higher by 1000."""

    ports: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(
                app_name=name,
                protocol=SimpleNamespace(value=protocol),
                targets=[
                    SimpleNamespace(name=f"SERVE_REPLICA::{p}", port=p + above) for p in ports
                ],
            )
            for name, ports in self.ports.items()
            for protocol, above in (("HTTP", 1000), ("gRPC", 0))
        ]


@pytest.fixture
def root(tmp_path):
    return write_repository(tmp_path)


def at(*ports):
    return tuple(Address("127.0.0.1", port) for port in ports)


def test_names_are_those_of_the_models_that_are_deployed(root):
    read = TopologyReader(root, "cpu", Groups({"pair": [2, 1], "_control": [3]}))
    topology = read()
    assert topology.applications == {"pair": at(1, 2), "_control": at(3)}
    assert topology.routes == {"pair": "pair", "pair@1": "pair"}
    assert read() is topology


def test_a_bad_repository_fails_the_start(root):
    (root / "cpu" / "pair" / "model.yaml").write_text("family: [")
    with pytest.raises(ConfigError, match="pair"):
        TopologyReader(root, "cpu", Groups())


def test_addresses_move_while_a_model_yaml_is_bad(root, caplog):
    groups = Groups({"pair": [1]})
    read = TopologyReader(root, "cpu", groups)
    routes = read().routes
    file = root / "cpu" / "identity" / "model.yaml"
    good = file.read_text()
    file.write_text("family: [")
    with caplog.at_level(logging.WARNING):
        for port in (2, 3):
            groups.ports = {"pair": [port]}
            topology = read()
            assert topology.applications == {"pair": at(port)}
            assert topology.routes == routes
    assert len(caplog.records) == 1
    file.write_text(good)
    assert read().routes == routes
    groups.ports["identity"] = [4]
    assert read().routes["identity"] == "identity"


def test_a_mended_repository_is_read_though_no_address_moved(root):
    groups = Groups({"pair": [1]})
    read = TopologyReader(root, "cpu", groups)
    read()
    file = root / "cpu" / "identity" / "model.yaml"
    good = file.read_text()
    new = root / "cpu" / "newcomer"
    new.mkdir()
    (new / "model.yaml").write_text("family: tensor\nweights: {file: 1/model.onnx}\n")
    file.write_text("family: [")
    groups.ports["newcomer"] = [2]
    assert "newcomer" not in read().routes
    file.write_text(good)
    assert read().routes["newcomer"] == "newcomer"


def test_only_families_with_http_endpoints_are_told_of_at_that_door(root):
    folder = root / "cpu" / "talker"
    folder.mkdir()
    (folder / "model.yaml").write_text("family: chat\n")
    groups = Groups({"pair": [1], "talker": [2, 3], "_control": [4]})
    read = TopologyReader(root, "cpu", groups, set, http=True)
    assert read().http == {"talker": at(1002, 1003), "_control": at(1004)}
    assert read() is read()
    groups.ports["talker"] = []
    assert read().http == {"talker": (), "_control": at(1004)}
    del groups.ports["talker"]
    assert read().http == {"_control": at(1004)}


def test_a_closed_http_door_is_told_of_nothing(root):
    assert TopologyReader(root, "cpu", Groups({"_control": [4]}))().http == {}
