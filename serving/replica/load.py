"""From a model's configuration to a loaded, warmed-up model."""

from __future__ import annotations

import importlib
from typing import Any

from serving.models.base import Device, Model, Served
from serving.repository.config import ModelConfig, family_module
from serving.repository.weights import ensure_all
from serving.timing import Timeline


def load_model(config: ModelConfig) -> Served[Any, Any]:
    """Verifies the weights and loads the model; runs its example once, where that can be
    done before there is an event loop."""
    ensure_all(config)
    resources = config.resources
    device = Device(threads=max(1, round(resources.cpus)), gpu=resources.gpus > 0)
    family = importlib.import_module(family_module(config.family))
    model: Served[Any, Any] = family.Model(config, device)
    model.load()
    if isinstance(model, Model):
        warm_up(model)
    return model


def warm_up(model: Model[Any, Any, Any, Any]) -> None:
    """The first run of a model allocates and compiles; no client should wait for it."""
    prepared = model.prepare(model.example(), Timeline())
    (output,) = model.run([prepared], Timeline())
    model.finish(prepared, output, Timeline())
