"""The entry: `ieum`, `python -m ieum`."""

from clients.ieum.commands import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
