"""`pinpoint serve`: a server for pictures and streams, and the page to try it."""

import os
import sys
import threading
import time
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pinpoint.serve.settings import Settings

__all__ = ["serve"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2
PACKAGES = ("fastapi", "uvicorn", "python_multipart", "websockets", "prometheus_client")
LINGER = 5.0
"""Seconds that threads get to finish once nobody waits for them any more."""


class Level(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(  # noqa: PLR0913, PLR0917 - typer reads the options from the parameters
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 for other machines too.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any that is free.")] = 8000,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A task or model to load before anyone asks; repeatable."),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="PINPOINT_TOKEN", show_default=False, help="What clients have to send as bearer token."
        ),
    ] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Another site whose pages may use the server; * for all; repeatable."
        ),
    ] = None,
    fetch: Annotated[
        bool,
        typer.Option("--fetch/--no-fetch", help="Fetch models that are not here when they are asked for."),
    ] = True,
    max_upload: Annotated[int, typer.Option(min=1, metavar="MIB", help="Largest request.")] = 32,
    max_pixels: Annotated[
        int, typer.Option(min=1, help="Largest width times height of a picture.")
    ] = 50_000_000,
    max_models: Annotated[int, typer.Option(min=1, help="Models that stay loaded at once.")] = 4,
    queue: Annotated[int, typer.Option(min=1, help="Pictures that may wait for a model.")] = 32,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to answer a request.")] = 30.0,
    requests: Annotated[int, typer.Option(min=1, help="Requests of one client at once.")] = 32,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="N", help="Requests of one client in a second; any if not given."),
    ] = None,
    streams: Annotated[int, typer.Option(min=1, help="Streams of one client at once.")] = 8,
    workers: Annotated[
        int, typer.Option(min=1, help="Pictures to look at simultaneously, each by another model.")
    ] = 1,
    threads: Annotated[
        int, typer.Option(min=0, help="Threads of each network; 0 is what suits the machine.")
    ] = 0,
    log_level: Annotated[Level, typer.Option(help="How much is logged.")] = Level.INFO,
) -> None:
    """Serve keypoints over HTTP, with a page to try them.

    The log goes to stderr as JSON lines. SIGTERM or Ctrl-C stops it once everything it took is answered; a
    second one gives that up.

    Exit status: 0 stopped, 1 it cannot listen, 2 wrong usage.
    """
    from pinpoint.cli.messages import refuse

    try:
        _check_serve_extra()
        from pinpoint.serve.settings import Limits, Settings

        limits = Limits(
            upload=max_upload << 20,
            pixels=max_pixels,
            queue=queue,
            time=timeout,
            requests=requests,
            rate=rate,
            client_streams=streams,
            models=max_models,
        )
        settings = Settings(
            host=host,
            port=port,
            preload=tuple(task or ()),
            token=token,
            origins=tuple(origin or ()),
            fetch=fetch,
            workers=workers,
            threads=threads,
            limits=limits,
        )
        _check_names(settings.preload)
    except (ValueError, ImportError) as error:
        raise typer.Exit(refuse(error, WRONG_USAGE)) from None
    try:
        _run(settings, log_level.value)
    except OSError as error:
        raise typer.Exit(refuse(error, FAILED)) from None


def _check_serve_extra() -> None:
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ImportError(
            f"this needs {' and '.join(missing)}, which are not installed: "
            'pip install "pinpoint-keypoints[serve]"'
        )


def _check_names(names: tuple[str, ...]) -> None:
    """See whether there are such tasks or models.

    Raises:
        ValueError: One is not.
    """
    from pinpoint.serve.choice import choose_named
    from pinpoint.serve.refusal import RefusedError

    try:
        for name in names:
            choose_named(name)
    except RefusedError as refusal:
        raise ValueError(f"--task: {refusal}") from refusal


def _run(settings: "Settings", level: str) -> None:
    """Serve until told to stop.

    Raises:
        OSError: It cannot listen.
    """
    from pinpoint.cli.messages import say
    from pinpoint.serve.journal import write_log
    from pinpoint.serve.server import Server, address_of, listen
    from pinpoint.serve.service import Service

    listening = listen(settings.host, settings.port)
    if not settings.local and not settings.token:
        say("warning: whoever reaches this machine can use the server: --token sets a word that it asks for")
    write_log(level)
    address = address_of(listening)
    server = Server(Service(settings), lambda: typer.echo(f"Pinpoint listens at {address}"))
    server.run(sockets=[listening])
    _end_threads()


def _end_threads() -> None:
    """Leave what computes or fetches a little time; the process would wait for it for ever."""
    until = time.monotonic() + LINGER
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(DONE)
