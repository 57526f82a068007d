"""What is generated from kinds/, but for the documentation."""
