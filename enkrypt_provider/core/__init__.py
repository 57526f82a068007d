"""What is to be done: check, diff, create, read, update and delete, without Pulumi."""
