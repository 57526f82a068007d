"""How to talk to the API: requests, rate limits, retries, redaction, one list for many reads."""
