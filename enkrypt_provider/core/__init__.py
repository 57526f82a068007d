"""The operations on a registration, independent of Pulumi: check, diff, create, read, update and delete."""
