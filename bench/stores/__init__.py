"""What do our clients of the stores cost, next to their bare drivers? `make bench-stores`; `__main__.py` says how."""
