"""End-to-end tests of the native plugin with the real engine."""
