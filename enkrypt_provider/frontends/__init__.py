"""Who asks: each module translates between one host of providers and the core."""
