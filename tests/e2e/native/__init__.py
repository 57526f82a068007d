"""Stories of the native plugin with the real engine."""
