"""A generator over the Open Inference Protocol, asked by Triton's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from serving.models.synthesis.types import Drawing, Look, Origin
from serving.services.describe import configuration
from serving.timing import Timeline
from tests.integration.synthesis.replicas import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "stylegan3-t") as served:
        yield served


def infer(address: str, **tensors: tuple[str, Any]) -> Any:
    inputs = []
    for name, (datatype, values) in tensors.items():
        array = np.array(values, dtype=object if datatype == "BYTES" else None)
        array = array if datatype == "BYTES" else array.astype(triton_dtype(datatype))
        tensor = triton.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    with triton.InferenceServerClient(address) as client:
        return client.infer("stylegan3-t", inputs, client_timeout=30)


def triton_dtype(datatype: str) -> Any:
    return {"INT64": np.int64, "INT32": np.int32, "FP32": np.float32}[datatype]


async def ask(served: Served, **tensors: tuple[str, Any]) -> Any:
    return await asyncio.to_thread(infer, served.address, **tensors)


async def test_a_picture(served: Served) -> None:
    result = await ask(
        served,
        seed=("INT64", [5]),
        psi=("FP32", [0.5]),
        attributes=("BYTES", [b"age"]),
        strengths=("FP32", [1.5]),
    )
    model = served.model
    look = Look(psi=0.5, attributes={"age": 1.5})
    prepared = model.prepare(Drawing(Origin(seed=5), look), Timeline())
    (alone,) = model.run([prepared], Timeline())
    np.testing.assert_array_equal(result.as_numpy("image"), alone.pixels)
    np.testing.assert_array_equal(result.as_numpy("latent"), alone.latent)

    latent = result.as_numpy("latent").tolist()
    again = await ask(served, latent=("FP32", latent), latent_space=("BYTES", [b"w+"]))
    np.testing.assert_array_equal(again.as_numpy("image"), result.as_numpy("image"))


async def test_what_the_model_knows_is_told(served: Served) -> None:
    told = configuration(served.replica.describe()).config.parameters
    facts = {name: parameter.string_value for name, parameter in told.items()}
    attributes = json.loads(facts.pop("attributes"))
    assert attributes["age"] == {"space": "w", "bounds": [-2, 2.5]}
    assert set(attributes) == {"smile", "age", "glasses", "young"}
    assert facts == {"classes": "0", "layers": "16", "resolution": "64"}


async def test_a_small_picture(served: Served) -> None:
    result = await ask(served, seed=("INT64", [5]), size=("INT32", [16]))
    image = result.as_numpy("image")
    assert (image.shape, image.dtype) == ((16, 16, 3), np.uint8)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "seed"),
        ({"seed": ("INT64", [-1])}, "seed: must be from 0"),
        ({"seed": ("INT64", [1]), "psi": ("FP32", [9])}, "psi: must lie between"),
        (
            {"seed": ("INT64", [1]), "attributes": ("BYTES", [b"x"]), "strengths": ("FP32", [1])},
            "none of this model's attributes",
        ),
        ({"latent": ("FP32", [[0.0]]), "latent_space": ("BYTES", [b"z"])}, "latent: has 1 number"),
    ],
)
async def test_refusals(served: Served, tensors: dict[str, Any], said: str) -> None:
    with pytest.raises(InferenceServerException, match=said) as raised:
        await ask(served, **tensors)
    assert raised.value.status() == "StatusCode.INVALID_ARGUMENT"
