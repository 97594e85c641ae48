"""heg-appliance, the reference appliance: it offers the power-management service and can command the gateway."""
