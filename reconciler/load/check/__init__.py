"""Declarations → resources: fields against their kind, metadata against its schema, names and files against what is."""
