"""``alphadial serve``: theta(alpha) behind one OpenAI-compatible address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import FamilyArgument, finite

KEY_VARIABLE = "ALPHADIAL_API_KEY"
_VllmArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- VLLM ARGUMENTS]",
        help="Further arguments of the engine that is started, such as --max-model-len 8192.",
        show_default=False,
    ),
]
_Engine = Annotated[
    list[str] | None,
    typer.Option("--engine", metavar="URL", help="A running engine; may be repeated.", show_default="one is started"),
]
_MODE_HELP = "swap: an engine has one alpha at a time. blend: all alphas in one batch, at twice the work."
_Mode = Annotated[str, typer.Option("--mode", metavar="MODE", help=_MODE_HELP)]
_Host = Annotated[str, typer.Option("--host", metavar="HOST", help="Others than the loopback need a key.")]
_Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0 takes one that is free.")]
_KEY_HELP = "Holds the key that clients must send."
_Key = Annotated[Path | None, typer.Option("--api-key-file", metavar="FILE", help=_KEY_HELP, show_default=KEY_VARIABLE)]
_TIMEOUT_HELP = "The longest that an engine may take for one request."
_Timeout = Annotated[float, typer.Option("--timeout", min=1, callback=finite, metavar="S", help=_TIMEOUT_HELP)]
_PYTHON_HELP = "Starts the engine: a Python with vLLM and alphadial."
_Python = Annotated[
    Path | None,
    typer.Option("--python", metavar="PATH", help=_PYTHON_HELP, show_default="ALPHADIAL_VLLM_PYTHON, or this one"),
]
_START_HELP = "The longest that the engine may take to start."
_StartTimeout = Annotated[float, typer.Option("--start-timeout", min=1, callback=finite, metavar="S", help=_START_HELP)]


def serve(
    family: FamilyArgument,
    engine_arguments: _VllmArguments = None,
    engine: _Engine = None,
    mode: _Mode = "swap",
    host: _Host = "127.0.0.1",
    port: _Port = 8000,
    api_key_file: _Key = None,
    timeout: _Timeout = 600.0,
    python: _Python = None,
    start_timeout: _StartTimeout = 900.0,
) -> None:
    """Serve every alpha of a family behind one OpenAI-compatible address; a model's name carries alpha.

    Any OpenAI client turns the dial: it asks for my-family@0.5. The answer's system_fingerprint is the weights id of
    that model, checked before the answer is passed on. Engines are vLLM's; one that is started here ends with this
    command.

    In mode swap an engine has one alpha at a time: requests that wait are grouped by alpha, and none waits longer than
    n / k times --timeout and two minutes, where n alphas wait for k engines. /health and /metrics tell how things are.

    [bold]alphadial serve ./my-family[/bold]
    [bold]alphadial serve ./my-family --mode blend -- --max-model-len 8192[/bold]
    [bold]alphadial serve ./my-family --engine http://127.0.0.1:8001 --engine http://127.0.0.1:8002[/bold]
    [bold]alphadial run ./my-family --server http://127.0.0.1:8000[/bold]
    """
    from alphadial.cli.extras import need
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.options import pick
    from alphadial.cli.output import read_source, say
    from alphadial.merge_engine import ServingMode, load_family
    from alphadial.merge_engine.errors import SERVE_NEEDS

    need("serving", *SERVE_NEEDS, extra="serve")
    from alphadial.merge_engine import ServeOptions
    from alphadial.merge_engine import serve as serve_family

    key = read_source(str(api_key_file)).strip() if api_key_file else os.environ.get(KEY_VARIABLE) or None
    options = ServeOptions(
        engines=engine or (),
        mode=pick(ServingMode, mode, "--mode"),
        host=host,
        port=port,
        api_key=key,
        request_s=timeout,
        python=python,
        engine_arguments=engine_arguments or (),
        start_s=start_timeout,
        say=say,
    )
    keeps("the gateway has ended, and the engine that it started with it")
    serve_family(load_family(family), options)
