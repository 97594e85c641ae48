"""Weather forecasts: what a service answers, when it is asked, what the sun cannot have given."""
