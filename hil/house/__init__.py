"""Physics of the simulated house: pure, stepped by whole microseconds, its books exact to the nanojoule."""
