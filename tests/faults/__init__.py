"""The promise that a registration is never lost, doubled or leaked, put to the test: `make faults`."""
