"""`python -m authops.demo serve | stop | sample | assumptions`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="python -m authops.demo", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run in the foreground and print the connection profile")
    stop = commands.add_parser("stop", help="stop the background demo tenant of a home")
    for command in (serve, stop):
        command.add_argument("--home", type=Path, required=True, help="folder of state and certificates")
    serve.add_argument("--users", type=int, help="visible users in a new home (500)")
    serve.add_argument("--seed", type=int, help="seed of a new home")
    serve.add_argument("--population", help="the people of which year in a new home: 2025, or 2026 (2025)")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0, help="0: the port of last time, else a free one")
    serve.add_argument("--idle-timeout", type=float, help="seconds without a request before it ends")
    serve.add_argument("--permissions", help="granted application permissions, comma-separated")
    serve.add_argument("--assume", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    serve.add_argument("--weather", type=_pair, action="append", default=[], metavar="NAME=JSON")
    serve.add_argument("--faults", type=Path, metavar="FILE", help="YAML file of weather")
    serve.add_argument("--options", type=json.loads, default={}, help=argparse.SUPPRESS)
    sample = commands.add_parser("sample", help="write the sample CSV")
    sample.add_argument("--out", type=Path, required=True)
    commands.add_parser("assumptions", help="list what nobody could confirm")
    return top


def _serve(asked: argparse.Namespace) -> None:
    from authops.demo.faults import weather
    from authops.demo.wire import server

    options: dict[str, Any] = {"host": asked.host, "port": asked.port, "idle_timeout": asked.idle_timeout}
    options |= {"users": asked.users, "seed": asked.seed, "population": asked.population, "assume": dict(asked.assume)}
    options["weather"] = weather.read(asked.faults) if asked.faults else {}
    options["weather"] |= {name: json.loads(value) for name, value in asked.weather}
    if asked.permissions is not None:
        options["granted"] = tuple(p.strip() for p in asked.permissions.split(",") if p.strip())
    options |= asked.options
    options["granted"] = tuple(options["granted"]) if "granted" in options else None
    server.serve(asked.home, **{k: v for k, v in options.items() if k != "granted" or v is not None})


def main() -> None:
    """Do what was asked."""
    asked = parser().parse_args()
    if asked.command == "serve":
        _serve(asked)
    elif asked.command == "stop":
        from authops.demo import stop

        print("stopped" if stop(asked.home) else "none was running")
    elif asked.command == "sample":
        from authops.demo.world.sample import write

        write(asked.out)
    else:
        from authops.demo.world.assumptions import ALL

        for a in ALL:
            print(f"{a.name} = {a.default}  (or {', '.join(a.alternatives)}): {a.about}")


if __name__ == "__main__":
    main()
