"""`python -m heg` is the command `heg`."""

import sys

from heg.cli import main

sys.exit(main())
