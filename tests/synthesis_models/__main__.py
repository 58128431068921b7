"""python -m tests.synthesis_models FOLDER [NAME …]"""

import sys
from pathlib import Path

from tests.synthesis_models import write_models

write_models(Path(sys.argv[1]), *sys.argv[2:])
