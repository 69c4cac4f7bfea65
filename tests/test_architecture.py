"""The walls between the rooms hold, whoever edits them."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tree import (
    PACKAGE,
    cycle,
    folder_of,
    innermost_packages,
    is_package,
    own_imports,
    reachable,
    read_modules,
    room_of,
)

#: Modules that know no transport: no Twisted, directly or by what they import.
SANS_IO = (
    "cfos_cloud.buffered",
    "cfos_cloud.cloud_id",
    "cfos_cloud.cloud_password",
    "cfos_cloud.safe_fields",
    "cfos_cloud.secret_files",
    "cfos_cloud.throttle",
    "cfos_cloud.seldom",
    "cfos_cloud.source_rates",
    "cfos_cloud.hosts",
    "cfos_cloud.languages",
    "cfos_cloud.metrics",
    "cfos_cloud.site_info",
    "cfos_cloud.timestamps",
    "cfos_cloud.gateway.site_data",
    "cfos_cloud.relay.intake",
    "cfos_cloud.http.*",
    "cfos_cloud.keys.*",
    "cfos_cloud.tunnel.yamux*",
    "cfos_cloud.tunnel.scram*",
    "cfos_cloud.tunnel.control",
    "cfos_cloud.tunnel.hello",
    "cfos_cloud.tunnel.auth_params",
    "cfos_cloud.tunnel.websocket_frames",
    "cfos_cloud.listener.first_bytes",
    "cfos_cloud.listener.known_sources",
    "cfos_cloud.listener.client_hello",
    "cfos_cloud.listener.alert",
    "cfos_cloud.listener.plain_answer",
    "cfos_cloud.listener.proxy_header",
    "cfos_cloud.device.handshake",
    "cfos_cloud.device.backoff",
    "cfos_cloud.device.outcomes",
    "cfos_cloud.device.origin",
    "cfos_cloud.device.proxy",
    "cfos_cloud.device.connect",
    "cfos_cloud.device.ways",
    "cfos_cloud.device.preamble",
    "cfos_cloud.device.retry_after",
    "cfos_cloud.device.rewriting",
    "cfos_cloud.device.profile_cfos_rules",
    "cfos_cloud.demo.site.model.*",
    "cfos_cloud.demo.site.settings",
    "cfos_cloud.demo.site.firmware",
    "cfos_cloud.demo.site.visitors",
    "cfos_cloud.gateway.access",
    "cfos_cloud.gateway.bookmarks",
    "cfos_cloud.gateway.handover",
    "cfos_cloud.gateway.hosts",
    "cfos_cloud.gateway.addresses",
    "cfos_cloud.gateway.client",
    "cfos_cloud.gateway.tunnel_upgrade",
    "cfos_cloud.gateway.rewriting",
    "cfos_cloud.gateway.cookies",
    "cfos_cloud.gateway.origin_rule",
    "cfos_cloud.gateway.sessions",
    "cfos_cloud.site_door.limits",
    "cfos_cloud.listener.fingerprints",
    "cfos_cloud.web.operator.session",
)
IO = {"twisted", "treq", "klein", "asyncio", "socket", "selectors", "threading"}
#: Room → rooms it must not know.
WALLS = {
    "registry": {"web", "gateway", "device"},
    "tunnel": {"web", "gateway", "registry", "device"},
    "device": {"registry", "web", "gateway", "site_door"},
    "site_door": {"registry", "operator_tool", "demo"},
    "keys": {"web", "gateway", "tunnel", "registry", "device", "listener", "relay"},
    "http": {"web", "gateway", "tunnel", "registry", "device", "listener"},
    "listener": {"web", "gateway", "tunnel", "registry", "device"},
    "gateway": {"device", "site_door"},
    "web": {"device", "site_door"},
    "demo": {"registry", "web"},
}
#: What puts a daemon together, and so is known by nobody.
TOP = "server"
COMPOSITION_ROOTS = (
    "cfos_cloud.server.service",
    "cfos_cloud.cli",
    "cfos_cloud.device.service",
    "cfos_cloud.demo*",
)
REACTOR = "twisted.internet.reactor"


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


class ArchitectureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.modules = read_modules()

    def test_every_name_in_the_rules_exists(self) -> None:
        patterns = (*SANS_IO, *COMPOSITION_ROOTS)
        stale = [p for p in patterns if not any(fnmatch(n, p) for n in self.modules)]
        rooms = {module.room for module in self.modules.values()}
        stale += [room for room in WALLS if room not in rooms]
        self.assertEqual(stale, [])

    def test_sans_io_modules_know_no_transport(self) -> None:
        broken = [
            f"{name}: {via} imports {target}"
            for name in self.modules
            if matches(name, SANS_IO)
            for via in sorted(reachable(name, self.modules))
            for target in sorted(self.modules[via].imports)
            if target.split(".")[0] in IO
        ]
        self.assertEqual(broken, [])

    def test_rooms_know_only_the_rooms_they_may(self) -> None:
        broken = [
            f"{module.name} imports {target}"
            for module in self.modules.values()
            for target in sorted(own_imports(module, self.modules))
            if room_of(target) in WALLS.get(module.room, set()) | {TOP} - {module.room}
        ]
        self.assertEqual(broken, [])

    def test_only_composition_roots_import_the_reactor(self) -> None:
        broken = [
            name
            for name, module in self.modules.items()
            if REACTOR in module.imports and not matches(name, COMPOSITION_ROOTS)
        ]
        self.assertEqual(broken, [])

    def test_rooms_do_not_depend_on_each_other_in_a_circle(self) -> None:
        edges: dict[str, set[str]] = {}
        for module in self.modules.values():
            targets = {room_of(t) for t in own_imports(module, self.modules)}
            edges.setdefault(module.room, set()).update(targets)
        edges[PACKAGE] = set()
        for room, targets in edges.items():
            targets.discard(room)
        self.assertEqual(cycle(edges), [])

    def test_nor_do_folders_and_the_modules_beside_them(self) -> None:
        innermost = innermost_packages(self.modules)
        edges: dict[str, set[str]] = {}
        for name, module in self.modules.items():
            if not is_package(name, self.modules) or name in innermost:
                node = folder_of(name, innermost)
                imports = own_imports(module, self.modules)
                targets = {folder_of(target, innermost) for target in imports}
                edges.setdefault(node, set()).update(targets - {node})
        self.assertEqual(cycle(edges), [])

    def test_nothing_in_the_product_imports_its_tests(self) -> None:
        roots = {"tests", "benchmarks", "unittest"}
        broken = [
            f"{name} imports {target}"
            for name, module in self.modules.items()
            for target in module.imports
            if target.split(".")[0] in roots or target.startswith("twisted.trial")
        ]
        self.assertEqual(broken, [])


class RuleTests(SynchronousTestCase):
    """The rules see what they are there to see."""

    def tree(self, **sources: str) -> Path:
        root = Path(self.mktemp())
        (root / PACKAGE).mkdir(parents=True)
        for name, source in {"__init__": "", **sources}.items():
            (root / PACKAGE / f"{name}.py").write_text(source)
        return root

    def test_relative_and_late_imports_are_seen(self) -> None:
        source = "def f():\n from .b import c\n from twisted.internet import reactor\n"
        modules = read_modules(self.tree(a=source, b="from . import a\n"))
        self.assertIn("cfos_cloud.b.c", modules["cfos_cloud.a"].imports)
        self.assertIn(REACTOR, modules["cfos_cloud.a"].imports)
        self.assertIn("cfos_cloud.a", modules["cfos_cloud.b"].imports)

    def test_an_import_reaches_what_the_imported_module_imports(self) -> None:
        root = self.tree(
            a="from cfos_cloud import b\n", b="import cfos_cloud.c\n", c=""
        )
        found = reachable("cfos_cloud.a", read_modules(root))
        self.assertIn("cfos_cloud.c", found)

    def test_a_circle_is_named(self) -> None:
        self.assertEqual(cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}), ["b", "c", "b"])
        self.assertEqual(cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}), [])
