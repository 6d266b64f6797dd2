"""Plain values → what a stack declares: its files, variables, names, tables and settings. Judges no field."""
