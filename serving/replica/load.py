"""From a model's configuration to a loaded, warmed-up model."""

from __future__ import annotations

import importlib
from typing import Any

from serving.models.base import Device, Model
from serving.repository.config import ModelConfig, family_module
from serving.repository.weights import ensure_all
from serving.timing import Timeline


def load_model(config: ModelConfig) -> Model[Any, Any, Any, Any]:
    """Verifies the weights, loads the model and runs its example once."""
    ensure_all(config)
    resources = config.resources
    device = Device(threads=max(1, round(resources.cpus)), gpu=resources.gpus > 0)
    family = importlib.import_module(family_module(config.family))
    model: Model[Any, Any, Any, Any] = family.Model(config, device)
    model.load()
    warm_up(model)
    return model


def warm_up(model: Model[Any, Any, Any, Any]) -> None:
    """The first run of a model allocates and compiles; no client should wait for it."""
    prepared = model.prepare(model.example(), Timeline())
    (output,) = model.run([prepared], Timeline())
    model.finish(prepared, output, Timeline())
