"""Speed as counts and ratios: `make bench`. Only `counts` is asserted; seconds of one machine say little of another."""
