"""The family `face`: where faces are, what tells them apart, whether two are one person's."""

from serving.models.face.model import Model
from serving.models.face.options import Options

__all__ = ["Model", "Options"]
