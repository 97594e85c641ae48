"""The Debian package: what goes in, and what becomes of it on a machine."""
