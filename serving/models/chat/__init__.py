"""The family `chat`: language models and those that also see, on vLLM."""

from serving.models.chat.model import Model
from serving.models.chat.options import Options

__all__ = ["Model", "Options"]
