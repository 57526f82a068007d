"""`python -m enkrypt_provider`."""

from .cli import main

if __name__ == "__main__":
    main()
