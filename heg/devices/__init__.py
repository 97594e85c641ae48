"""The communication manager: driver contract, registry, handles, quality and staleness."""
