"""What the unit decides and watches over, on variables alone: no protocol, no device."""
