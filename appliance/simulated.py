"""An appliance that is nothing but its network side and its judgement: for tests, demos and rigs, by the hundred."""

from collections.abc import Callable

from appliance.cycles import Cycle
from appliance.desk import ApplianceDesk
from appliance.faults import Fault
from appliance.model import ApplianceModel, Kind
from appliance.upnp.description import Identity
from appliance.upnp.device import Place, UpnpAppliance
from appliance.upnp.ground import Ground
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock


class SimulatedAppliance:
    """Goes where it is told at once. `upnp` has the faults; `sink` is told each state, for a simulated house."""

    def __init__(
        self,
        identity: Identity,
        ground: Ground,
        clock: Clock,
        place: Place,
        *,
        kind: Kind | None = None,
        state: PowerState = PowerState.ON,
        sink: Callable[[PowerState], None] | None = None,
    ) -> None:
        self.model = ApplianceModel(kind or Kind(), state)
        self.desk = ApplianceDesk(self.model, clock, name=identity.name)
        self.upnp = UpnpAppliance(identity, self.desk, ground, clock, place)
        self._sink = sink

    @property
    def state(self) -> PowerState:
        """Where it stands."""
        return self.model.state

    async def start(self) -> None:
        """Come to the network. Raises OSError."""
        await self.upnp.start()
        self.desk.join(self, self.upnp)

    async def stop(self, *, goodbye: bool = True) -> None:
        """Leave it."""
        await self.upnp.stop(goodbye=goodbye)
        await self.desk.close()

    def press(self, state: PowerState) -> None:
        """Have a person switch it by hand."""
        self.desk.observed(state)
        if self._sink is not None:
            self._sink(state)

    async def load(self, cycle: Cycle | None) -> Fault | None:
        """Have a person load it with a cycle that may wait, or take that back."""
        return await self.desk.offer(cycle)

    async def go(self, target: PowerState) -> None:
        """Go to a state."""
        self.press(target)
