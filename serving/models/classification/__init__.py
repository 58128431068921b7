"""The family `classification`: which of a model's labels a text deserves."""

from serving.models.classification.model import Model
from serving.models.classification.options import Options

__all__ = ["Model", "Options"]
