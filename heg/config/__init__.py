"""Typed configuration: one `heg.toml`, strict, with errors that say what was expected and how to mend it."""
