"""Who asks: each module turns what one host hands over into what the core takes, and back."""
