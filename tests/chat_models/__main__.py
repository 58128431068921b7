"""Writes all small language models into a folder."""

import sys
from pathlib import Path

from tests.chat_models import write_models

print(write_models(Path(sys.argv[1])))
