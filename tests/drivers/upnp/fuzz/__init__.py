"""Fuzzing of what strangers send to the UPnP driver: one table of targets (`targets.py`), two ways to feed it.

In the suite Hypothesis mangles the seeds; `./dev soak fuzz` has atheris search by coverage, in a process of its own
(`python -m tests.drivers.upnp.fuzz NAME --seconds N`).
"""
