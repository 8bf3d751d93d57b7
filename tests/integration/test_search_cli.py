"""The command line with clusters: one line for a refusal, and a whole day over TLS with a password."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.nodes import Node, sample_documents
from tests.integration.proxy import Harm, Proxy, answer, certified, meanwhile, proxied
from tests.integration.pulling import DAY, INDEX, is_published

from logpress import contract

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undisturbed")]


PASSWORD = ("reader", "a-secret")
NO_PERMISSION = b'{"error":{"type":"security_exception","reason":"no permissions for [indices:data/read/search]"}}'


@pytest.fixture(scope="module")
def served(opensearch: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    opensearch.load(INDEX, sample_documents(tmp_path_factory.mktemp("sample"), 1_000), 2)
    yield opensearch
    opensearch.ask("DELETE", f"/{INDEX}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def guarded(served: Node, certificates: Path) -> Iterator[Proxy]:
    """Speaks TLS, with a certificate of its own authority, and wants a password."""
    with proxied(served.port, context=certified(certificates)) as proxy:
        proxy.password = PASSWORD
        yield proxy


@pytest.fixture
def proxy(served: Node) -> Iterator[Proxy]:
    with proxied(served.port) as proxy:
        yield proxy


def log_in(monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD[1], authority: Path | None = None) -> None:
    monkeypatch.setenv("OPENSEARCH_USERNAME", PASSWORD[0])
    monkeypatch.setenv("OPENSEARCH_PASSWORD", password)
    if authority is not None:
        monkeypatch.setenv("OPENSEARCH_CA_CERTS", str(authority))


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A contract with small pages."""
    packaged = (Path(contract.__file__).parent / "tables" / "sdk_log.yaml").read_text()
    source = "source:\n  page_bytes: 50000\n  restarts: 2\n"
    assert "\nsource:\n" in packaged
    path = tmp_path / "sdk_log.yaml"
    path.write_text(packaged.replace("source:\n", source, 1).replace("index: sdk-log-{day}", "index: pulled-log-{day}"))
    return str(path)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, table: str
) -> Callable[[str], str]:
    """Presses the day from somewhere, and gives the line with which that fails."""
    from logpress.cli.app import main

    def fail(uri: str) -> str:
        arguments = ("press", table, "--day", str(DAY), "--input", uri, "--lake", str(tmp_path / "lake"), "--quiet")
        monkeypatch.setattr(sys, "argv", ["logpress", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        assert (out, stop.value.code) == ("", 1)
        (line,) = err.splitlines()  # no traceback
        assert line.startswith("logpress: error: opensearch+http")
        assert len(line) < 400
        assert PASSWORD[1] not in line
        assert not is_published(tmp_path)
        return line

    return fail


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("opensearch+http://no-such-host.invalid:9200", "no host of that name is known"),
        ("opensearch+http://127.0.0.1:1", "cannot be reached: Connection refused"),
        ("opensearch+https://127.0.0.1:{port}", "does not speak TLS; see whether the scheme is right"),
        ("opensearch+http://127.0.0.1:{port}/no-such-index", "no-such-index: there is no such index; to wait for that"),
    ],
)
def test_a_wrong_address_is_one_line(served, command, uri, message):
    assert message in command(uri.format(port=served.port))


HARMS: dict[str, tuple[tuple[str, int], Harm, str]] = {
    "401": (("shards", 0), answer(401, b"Unauthorized"), "OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD"),
    "403": (("count", 0), answer(403, NO_PERMISSION), "the user given lacks a permission: no permissions for"),
    "a token that has expired": (
        ("search", 0),
        answer(403, b'{"message":"The security token included in the request is expired"}'),
        "the AWS credentials are refused: The security token included in the request is expired; get new ones",
    ),
}


@pytest.mark.parametrize("name", HARMS)
def test_a_refusal_is_one_line(proxy, command, name):
    place, harm, message = HARMS[name]
    proxy.harms[place] = harm
    assert message in command(proxy.uri)
    assert 1 <= len(proxy.fired) <= (2 if place[0] == "search" else 1)  # a scroll a shard; none was tried again


def test_a_scroll_that_always_expires_is_one_line(served, proxy, command):
    proxy.harms["scroll", 0] = meanwhile(lambda: served.ask("DELETE", "/_search/scroll/_all"))
    assert "or `source.keep_alive` is too short" in command(proxy.uri)
    assert len(proxy.fired) >= 3  # it was tried three times


# -- TLS and a password


def test_a_day_over_tls_with_a_password(guarded, served, certificates, monkeypatch, tmp_path, table):
    from logpress.cli.app import main

    log_in(monkeypatch, authority=certificates / "authority")
    monkeypatch.setattr(
        sys, "argv",
        ["logpress", "press", table, "--day", str(DAY), "--input", guarded.uri, "--lake", str(tmp_path / "lake")],
    )  # fmt: skip
    main()
    monkeypatch.setattr(
        sys, "argv",
        ["logpress", "restore", "sdk_log", "--day", str(DAY), "--lake", str(tmp_path / "lake"),
         "--output", str(tmp_path / "day"), "--quiet"],
    )  # fmt: skip
    main()
    assert Counter((tmp_path / "day").read_bytes().split(b"\n")[:-1]) == Counter(served.hits(INDEX))
    assert guarded.seen["search"] == 2
    assert guarded.seen["scroll"] > 2


def test_an_authority_that_is_not_trusted_is_one_line(guarded, command, monkeypatch, tmp_path):
    log_in(monkeypatch)
    assert "is not trusted" in command(guarded.uri)
    certified(tmp_path / "other")
    log_in(monkeypatch, authority=tmp_path / "other" / "authority")
    assert "is not trusted" in (line := command(guarded.uri))
    assert "set OPENSEARCH_CA_CERTS" in line


def test_a_wrong_password_is_one_line(guarded, command, certificates, monkeypatch):
    log_in(monkeypatch, "another", certificates / "authority")
    assert "wants a user and password, or does not know those given" in command(guarded.uri)
    monkeypatch.delenv("OPENSEARCH_USERNAME")
    monkeypatch.delenv("OPENSEARCH_PASSWORD")
    assert "wants a user and password, or does not know those given" in command(guarded.uri)
