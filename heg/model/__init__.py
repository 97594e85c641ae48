"""The vocabulary as small immutable types. No I/O, no clock."""
