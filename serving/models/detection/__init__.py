"""The family `detection`: what is where on a picture."""

from serving.models.detection.model import Model
from serving.models.detection.options import Options

__all__ = ["Model", "Options"]
