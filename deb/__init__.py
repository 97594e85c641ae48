"""Builds the Debian packages of the gateway: `./dev deb` (docs/maintainers/packaging.md)."""
