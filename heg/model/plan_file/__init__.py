"""The planner's file format: one problem in, one plan out, as JSON (docs/integrators/plan-file.md)."""
