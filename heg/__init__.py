"""heg, the home energy gateway: one management unit at a customer's premises."""

__version__ = "0.1.0"
