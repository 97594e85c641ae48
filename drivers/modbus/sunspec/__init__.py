"""SunSpec information models: definitions as data, a decoder, the walk along a device's chain of models. No I/O."""
