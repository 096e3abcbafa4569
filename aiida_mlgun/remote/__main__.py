"""``python -m aiida_mlgun.remote VERB job.json``."""

import sys

from .main import main

sys.exit(main())
