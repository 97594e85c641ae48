"""Drivers: each knows a protocol and its devices, never a service."""
