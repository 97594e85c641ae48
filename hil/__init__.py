"""The rig: a simulated house whose devices speak real protocols, for tests, scenarios and the demo.

It shares no codec with our drivers; SunSpec registers are encoded with pysunspec2's model definitions.
"""
