"""The unit's certificate and what is served with it to the home network."""
