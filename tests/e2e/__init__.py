"""Stories with the real engine: what a person types, what the console says, which calls the API received."""
