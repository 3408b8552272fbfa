"""`python -m pinpoint` is `pinpoint`."""

from pinpoint.cli import main

if __name__ == "__main__":
    main()
