"""What an appliance truly is: a computer under logind, or a machine behind a command or a wire."""
