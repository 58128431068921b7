"""Wrong requests for pictures: each its status, its field, its reason; none does harm."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

from seom.pb.v1 import synthesis_pb2 as pb
from tests.errors import details_of
from tests.integration.synthesis.replicas import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAN, INF = float("nan"), float("inf")
SEED = pb.Origin(seed=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "stylegan2") as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def classes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "stylegan2-resid") as served:
        yield served


def latent(space: Any, values: Any) -> pb.Origin:
    data = values if isinstance(values, bytes) else np.asarray(values, "<f4").tobytes()
    return pb.Origin(latent=pb.Latent(space=space, values=data))


async def refused(
    method: Any, request: Any, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
) -> Any:
    with pytest.raises(grpc.RpcError) as raised:
        async for _ in method(request, timeout=30):
            pytest.fail("a picture came before the refusal")
    assert raised.value.code() is code, raised.value.details()
    assert not re.search(r"/\w+/|0x|Traceback|\.py", raised.value.details())
    return details_of(raised.value)


async def both(served: Served, fields: dict[str, Any]) -> list[set[str]]:
    """The fields that either call names for what they have in common."""
    one = await refused(served.stub.Synthesize, pb.SynthesizeRequest(origins=[SEED], **fields))
    moving = pb.AnimateRequest(origin=SEED, keyframes=keyframes(0, 1), **fields)
    other = await refused(served.stub.Animate, moving)
    return [set(one.fields), set(other.fields)]


def keyframes(*times: float, **strengths: float) -> list[pb.Keyframe]:
    return [pb.Keyframe(time_s=time, attributes=strengths) for time in times]


async def test_it_goes_on(served: Served) -> None:
    """What is refused here would be drawn if it were right."""
    request = pb.SynthesizeRequest(origins=[SEED], look=pb.Look(attributes={"age": 1}))
    assert len([m async for m in served.stub.Synthesize(request, timeout=30)]) == 1


@pytest.mark.parametrize("seed", [-1, 2**32, -(2**63), 2**63 - 1])
async def test_seeds(served: Served, seed: int) -> None:
    wrong = pb.Origin(seed=seed)
    found = await refused(served.stub.Synthesize, pb.SynthesizeRequest(origins=[SEED, wrong]))
    assert set(found.fields) == {"origins[1].seed"}
    request = pb.AnimateRequest(origin=wrong, keyframes=keyframes(0, 1))
    assert set((await refused(served.stub.Animate, request)).fields) == {"origin.seed"}


@pytest.mark.parametrize("count", [0, 65, 10**6])
async def test_counts(served: Served, count: int) -> None:
    request = pb.SynthesizeRequest(origins=[pb.Origin()] * count)
    found = await refused(served.stub.Synthesize, request)
    assert found.fields == {"origins": f"has {count}; send 1 to 64"}


@pytest.mark.parametrize(
    "origin",
    [
        latent(pb.LATENT_SPACE_Z, [0] * 31),
        latent(pb.LATENT_SPACE_Z, []),
        latent(pb.LATENT_SPACE_W, [0] * 320),
        latent(pb.LATENT_SPACE_W_PLUS, [0] * 32),
        latent(pb.LATENT_SPACE_Z, [NAN] * 32),
        latent(pb.LATENT_SPACE_W, [0] * 31 + [INF]),
        latent(pb.LATENT_SPACE_W_PLUS, [3e38] * 320),
        latent(pb.LATENT_SPACE_Z, b"abc"),
        latent(pb.LATENT_SPACE_Z, b"\0" * 2**22),
    ],
    ids=str,
)
async def test_latents(served: Served, origin: pb.Origin) -> None:
    found = await refused(served.stub.Synthesize, pb.SynthesizeRequest(origins=[origin]))
    assert set(found.fields) == {"origins[0].latent.values"}
    request = pb.AnimateRequest(origin=origin, keyframes=keyframes(0, 1))
    found = await refused(served.stub.Animate, request)
    assert set(found.fields) == {"origin.latent.values"}


@pytest.mark.parametrize("space", [pb.LATENT_SPACE_UNSPECIFIED, 9])
async def test_latents_without_a_space(served: Served, space: Any) -> None:
    origin = latent(space, [0] * 32)
    found = await refused(served.stub.Synthesize, pb.SynthesizeRequest(origins=[origin]))
    assert set(found.fields) == {"origins[0].latent.space"}


async def test_no_origin(served: Served) -> None:
    found = await refused(served.stub.Synthesize, pb.SynthesizeRequest(origins=[pb.Origin()]))
    assert set(found.fields) == {"origins[0]"}
    request = pb.AnimateRequest(keyframes=keyframes(0, 1))
    assert set((await refused(served.stub.Animate, request)).fields) == {"origin"}


@pytest.mark.parametrize(
    ("look", "named"),
    [
        ({"attributes": {"beard": 1.0}}, "attributes[beard]"),
        ({"attributes": {"x" * 5000: 1.0}}, f"attributes[{'x' * 64}]"),
        ({"attributes": {"age": NAN}}, "attributes[age]"),
        ({"attributes": {"age": INF}}, "attributes[age]"),
        ({"attributes": {"age": 2.6}}, "attributes[age]"),
        ({"attributes": {"age": -2.1}}, "attributes[age]"),
        ({"attributes": {f"a{n}": 1.0 for n in range(257)}}, "attributes"),
        ({"keep": ["beard"]}, "keep[0]"),
        ({"class_id": 0}, "class_id"),
        ({"psi": NAN}, "psi"),
        ({"psi": -2.5}, "psi"),
        ({"psi": INF}, "psi"),
        ({"cutoff": 11}, "cutoff"),
        ({"cutoff": 2**32 - 1}, "cutoff"),
        ({"noise": 7}, "noise"),
        ({"mixing": pb.Mixing()}, "mixing.origin"),
        ({"mixing": pb.Mixing(origin=pb.Origin(seed=-1))}, "mixing.origin.seed"),
        ({"mixing": pb.Mixing(origin=SEED, first=10)}, "mixing.first"),
        ({"mixing": pb.Mixing(origin=SEED, first=4, end=4)}, "mixing.first"),
        ({"mixing": pb.Mixing(origin=SEED, end=11)}, "mixing.end"),
        ({"mixing": pb.Mixing(origin=SEED, end=2**32 - 1)}, "mixing.end"),
    ],
    ids=str,
)
async def test_looks(served: Served, look: dict[str, Any], named: str) -> None:
    assert await both(served, {"look": pb.Look(**look)}) == [{f"look.{named}"}] * 2


async def test_the_attributes_there_are(served: Served) -> None:
    request = pb.SynthesizeRequest(origins=[SEED], look=pb.Look(attributes={"beard": 1}))
    found = await refused(served.stub.Synthesize, request)
    assert "smile, age, glasses, young" in found.fields["look.attributes[beard]"]


@pytest.mark.parametrize("class_id", [None, 5, 2**32 - 1])
async def test_classes(classes: Served, class_id: int | None) -> None:
    look = pb.Look() if class_id is None else pb.Look(class_id=class_id)
    assert await both(classes, {"look": look}) == [{"look.class_id"}] * 2


@pytest.mark.parametrize(
    ("encoding", "named"),
    [({"size": 65}, "size"), ({"size": 2**32 - 1}, "size"), ({"quality": 101}, "quality"),
     ({"format": 9}, "format")],
)  # fmt: skip
async def test_encodings(served: Served, encoding: dict[str, Any], named: str) -> None:
    found = await both(served, {"encoding": pb.Encoding(**encoding)})
    assert found == [{f"encoding.{named}"}] * 2


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"keyframes": keyframes()}, "keyframes"),
        ({"keyframes": keyframes(0)}, "keyframes"),
        ({"keyframes": keyframes(0) * 10**6}, "keyframes"),
        ({"keyframes": keyframes(0.5, 1)}, "keyframes[0].time_s"),
        ({"keyframes": keyframes(0, 0)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, 2, 1)}, "keyframes[2].time_s"),
        ({"keyframes": keyframes(0, NAN)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, -1)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, 1e9)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, 1, beard=1.0)}, "keyframes[0].attributes[beard]"),
        ({"keyframes": keyframes(0) + keyframes(1, beard=0.0)}, "keyframes[1].attributes[beard]"),
        ({"keyframes": keyframes(0) + keyframes(1, age=NAN)}, "keyframes[1].attributes[age]"),
        ({"keyframes": keyframes(0) + keyframes(1, age=9)}, "keyframes[1].attributes[age]"),
        (
            {
                "keyframes": keyframes(0) + keyframes(1, age=2),
                "look": pb.Look(attributes={"age": 2}),
            },
            "keyframes[1].attributes[age]",
        ),
        ({"frames_per_second": NAN}, "frames_per_second"),
        ({"frames_per_second": -25}, "frames_per_second"),
        ({"frames_per_second": 1000}, "frames_per_second"),
        ({"pace": 9}, "pace"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_animations(served: Served, fields: dict[str, Any], named: str) -> None:
    request = pb.AnimateRequest(**{"origin": SEED, "keyframes": keyframes(0, 1), **fields})
    found = await refused(served.stub.Animate, request)
    assert set(found.fields) == {named}


async def test_all_wrong_fields_are_named(served: Served) -> None:
    look = pb.Look(psi=NAN, cutoff=99, class_id=3, attributes={"beard": 1})
    request = pb.SynthesizeRequest(
        origins=[pb.Origin(seed=-1)], look=look, encoding=pb.Encoding(size=999)
    )
    found = await refused(served.stub.Synthesize, request)
    assert set(found.fields) == {
        "origins[0].seed", "look.psi", "look.cutoff", "look.class_id", "look.attributes[beard]",
        "encoding.size",
    }  # fmt: skip


async def test_another_model(served: Served) -> None:
    request = pb.SynthesizeRequest(model_name="nobody", origins=[SEED])
    found = await refused(served.stub.Synthesize, request, grpc.StatusCode.NOT_FOUND)
    assert found.resource == ("model", "nobody")


async def test_nothing_is_left_under_way(served: Served) -> None:
    assert served.replica.batched.batcher.in_flight == 0
