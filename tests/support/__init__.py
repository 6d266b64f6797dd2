"""What several tests use: a command line, a bench, a served emulator, a database, cases and stacks as data."""
