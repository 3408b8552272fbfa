"""The command line: arguments, progress and exit statuses; what it does lies in the layers below."""

__all__ = ["main"]


def main() -> None:
    """Run the command `pinpoint`."""
    from pinpoint.cli.app import app

    app(prog_name="pinpoint")
