"""
A data store, and what administers one, is published to this machine only.

`ports: ["27017:27017"]` binds all interfaces and passes by the firewall of the host (Docker writes its own rules), so
that anybody in the network, and on a server anybody at all, may try the default password. The services of the project
reach each other by name without any published port. What a data store is, its image says; of images that are built
here, and of unknown ones that are called like one, the port does. The overlay for development is not looked at.

Bad:
    services:
      mongodb:
        image: mongo:7.0
        ports: ["27017:27017"]

Good:
    services:
      mongodb:
        image: mongo:7.0
        ports: ["127.0.0.1:27017:27017"]

Fix: Write 127.0.0.1 before the port, or drop it: the other services need none.

Source: R11 (what the stack opens, it opens to its users only).
"""

from __future__ import annotations

from collections.abc import Iterator

from layerproof.model import Service
from layerproof.policy import Breach, ComposeSubject, Keys
from layerproof.policy.data_stores import open_ports, port_name, store_name
from layerproof.policy.development import is_for_development


def check(subject: ComposeSubject) -> Iterator[Breach]:
    """Each such service, at the first port that is open."""
    if subject.overlay == "dev":
        return
    built = {image.service: image for image in subject.project.images if image.service}
    for service in subject.project.services:
        image = built.get(service.name)
        found = list(open_ports(service, image, subject.project.images))
        if found and not is_for_development(subject, service, _place(subject, service, found[0][0])):
            index, first = found[0]
            what = store_name(service, image, subject.project.images) or port_name(first)
            ports = ", ".join(dict.fromkeys(str(target) for _, target in found))
            published = service.raw["ports"][index].get("published") or first
            message = f"{service.name} ({what}) publishes {ports} on all interfaces"
            yield _place(subject, service, index), f'{message}: write "127.0.0.1:{published}:{first}" or drop it'


def _place(subject: ComposeSubject, service: Service, index: int) -> Keys:
    """Where a port is written: a range is one line there, and files laid over each other count from 0 each."""
    port = service.raw["ports"][index]
    keys: Keys = ("services", service.name, "ports")
    for n in range(len(service.raw["ports"])):
        text = subject.written((*keys, str(n))) or subject.written((*keys, str(n), "target")) or ""
        target = text.partition("/")[0].rpartition(":")[2]
        first, _, last = target.partition("-")
        if first.isdigit() and int(first) <= port["target"] <= int(last if last.isdigit() else first):
            return (*keys, str(n))
    return keys
