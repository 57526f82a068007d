"""End-to-end tests with the real engine: commands, their output, and the calls that the API received."""
