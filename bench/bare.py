"""A HAProxy with hand-written lines inside a load balancer's namespace, against which ours is measured."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.room import Room, await_listening, namespace_path

_HEAD = """\
global
    nbthread 1
    maxconn 2000
    httpclient.ssl.verify none
defaults
    mode http
    timeout client 50s
    timeout connect 5s
    timeout server 50s
"""


@contextmanager
def bare(room: Room, load_balancer_id: str, name: str, sections: str) -> Iterator[None]:
    """``sections``: frontends and backends; what stands above them is the least that HAProxy asks for."""
    config = room.lab.directory / f"{name}.cfg"
    config.write_text(_HEAD + textwrap.dedent(sections))
    inside = replace(room.client, name=name, namespace=namespace_path(load_balancer_id))
    process = room.lab.spawn(name, ["haproxy", "-db", "-f", str(config)], machine=inside)
    try:
        await_listening(process, sections.count("bind "))
        yield
    finally:
        process.stop()
