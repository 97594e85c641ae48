"""Measurements: `./dev bench` prints what this machine does. Nothing here is asserted; tests never time."""
