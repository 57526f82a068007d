"""Who asks: each front end turns an engine's requests into the core's, and the results back."""
