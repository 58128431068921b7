"""The family `synthesis`: pictures of a StyleGAN generator, steered by named attributes."""

from serving.models.synthesis.model import Model
from serving.models.synthesis.options import Options

__all__ = ["Model", "Options"]
