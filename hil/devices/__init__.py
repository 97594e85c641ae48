"""Simulated devices: SunSpec registers over the house's physics, and a Modbus server of the rig's own."""
