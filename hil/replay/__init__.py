"""What comes from outside the house: recorded or generated homes, with the fine structure a record lacks."""
