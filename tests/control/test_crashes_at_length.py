"""The machines that are killed at any step, for minutes and never twice the same."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.control.mortal_lease import MortalLease
from tests.control.test_appliance_crashes import OneAppliance
from tests.control.test_crashes import OneUnit


@pytest.mark.soak
@pytest.mark.parametrize("machine", [OneUnit, OneAppliance])
def test_whatever_comes(machine: type[MortalLease]) -> None:
    at_length = settings(max_examples=2000, stateful_step_count=60, deadline=None, derandomize=False)
    run_state_machine_as_test(machine, settings=at_length)
