"""Fault tests: a registration is never lost, duplicated or leaked. Run them all with `make faults`."""
