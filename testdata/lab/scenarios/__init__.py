# SPDX-License-Identifier: Apache-2.0
"""All scenarios. A module of this package holds a family of them; each is a function of a Bench
that acts, records, and says what the packets must show."""
import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable

ALL = {}


@dataclass
class Scenario:
    name: str
    says: str
    function: Callable
    incident: str | None
    hosts: tuple
    ipv6: bool
    software: tuple


def scenario(name, software=("curl",), incident=None, hosts=("client", "server"), ipv6=False):
    """Registers a function; its docstring says what is done."""
    def add(function):
        assert name not in ALL, name
        says = " ".join(function.__doc__.split())
        ALL[name] = Scenario(name, says, function, incident, hosts, ipv6, tuple(software))
        return function
    return add


def named(words):
    """Those whose names begin with one of the words; all for none."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"scenarios.{module.name}")
    chosen = [ALL[name] for name in sorted(ALL)
              if not words or any(name.startswith(word) for word in words)]
    if not chosen:
        raise SystemExit(f"lab: no scenario is called {' or '.join(words)}")
    return chosen
