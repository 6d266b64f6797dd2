"""What every emulated API shares, whoever its vendor is: the server, faults, the log, the clock, accounts, state.

A request goes `server | inprocess → app → routing → faults → the vendor's handler → store`. Nothing here knows a
vendor: what is one's own comes in as a `Vendor`.
"""
