"""The composition root, the only room that knows all others: builds from configuration what is wanted, and runs it."""
