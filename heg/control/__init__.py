"""The control cycle: snapshot, claims, leases, envelope, journal. The only room that commands devices."""
