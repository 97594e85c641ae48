"""The unit's local face: the householder's page, a small JSON API, a live stream, health, metrics. Loopback only."""
