"""Clock and event loop, supervisor, health, system service notifications: what every long-running part stands on."""
