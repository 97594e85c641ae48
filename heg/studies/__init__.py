"""Studies: the same planner and regime law over recorded data, without buses and clocks."""
