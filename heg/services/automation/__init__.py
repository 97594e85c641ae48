"""Automation: what appliances ask, what the utility may ask, the owner's rules, and cycles that begin when planned."""
