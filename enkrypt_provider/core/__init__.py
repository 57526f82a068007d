"""What is to be done: decisions about registrations, for every front end."""
