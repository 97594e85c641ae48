"""The pure planner and its worker: forecasts, the EBR problem, the solver, explanations."""
