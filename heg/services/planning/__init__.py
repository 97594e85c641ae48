"""The slot loop: gathers what is known, has it planned, and claims what the plan says (spec ebr.md)."""
