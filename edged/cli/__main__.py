"""`python -m edged.cli`: edgectl without the console script."""

import sys

from edged.cli.main import main

sys.exit(main())
