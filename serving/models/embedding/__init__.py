"""The family `embedding`: texts to vectors that lie close together where texts mean alike."""

from serving.models.embedding.model import Model
from serving.models.embedding.options import Options

__all__ = ["Model", "Options"]
