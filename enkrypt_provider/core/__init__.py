"""What is to be done: decisions about registrations, whoever asks for them."""
