"""The data interface: the one door between what is measured and what is decided."""
