"""Speed as counts and ratios: `make bench`. Nothing here is asserted; figures of one machine say little of another."""
