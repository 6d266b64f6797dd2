"""Text of YAML → plain values, and where each of them stands. Knows nothing of stacks."""
