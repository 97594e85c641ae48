"""Actuators over SunSpec control models: apply, read back, release (heg.devices.contract.Actuator)."""
