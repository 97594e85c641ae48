"""The store: SQLite behind the process image, on one thread of its own (DESIGN.md, The door: disk behind)."""
