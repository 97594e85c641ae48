"""Simulated appliances: the appliance program, each on an address of its own, with what a meter sees of it."""
