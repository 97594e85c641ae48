"""What holds for every test: it leaves nothing behind, and no wall time decides whether it passes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester", "tests.support.leaks"]

# A busy machine is slow, not wrong. In CI the same examples each time: a change is judged, not luck.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("suite")
