"""Appliances over UPnP: the gateway finds and commands them, and they can command the gateway."""
