"""docker-compose.yaml, Dockerfile and .env, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import importlib.util
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE)["services"]
SECRET = re.compile(r"PASSWORD$|SECRET|FERNET|_KEY$")


@pytest.fixture
def make_env():
    spec = importlib.util.spec_from_file_location("make_env", ROOT / "scripts/make_env.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(package: str) -> str:
    return re.findall(rf"^{package}==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)[0]


def test_all_of_airflow_is_there():
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert always == {"postgres", "init", "api-server", "scheduler", "dag-processor", "triggerer"}
    profiles: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", ()):
            profiles.setdefault(profile, set()).add(name)
    assert profiles == {
        "celery": {"redis", "worker"},
        "s3": {"s3"},
        "search": {"search"},
        "metrics": {"statsd-exporter", "prometheus", "grafana"},
    }


def test_every_service_is_watched_bounded_and_its_log_rotated():
    for name, service in SERVICES.items():
        assert service["mem_limit"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}, name
        assert name == "init" or service["healthcheck"]["test"], name
        assert name == "init" or service["restart"] == "unless-stopped"


def test_what_runs_tasks_may_finish_them_when_it_is_stopped():
    assert SERVICES["scheduler"]["stop_grace_period"] == "5m"
    assert SERVICES["worker"]["stop_grace_period"] == "30m"


def test_the_container_of_tasks_has_room_for_all_that_run_at_once(make_env):
    for cores in (1, 2, 8, 64):
        sizes = make_env.sizes(cores)
        task = int(sizes["LOGPRESS_MEMORY"].removesuffix("M"))
        assert int(sizes["AIRFLOW_PARALLELISM"]) == int(sizes["AIRFLOW_WORKER_CONCURRENCY"]) == cores
        assert int(sizes["TASKS_MEMORY"].removesuffix("m")) >= cores * task + 500
    for name in ("scheduler", "worker"):
        assert SERVICES[name]["mem_limit"].startswith("${TASKS_MEMORY")


def test_ports_are_open_on_this_machine_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published == [f"127.0.0.1:{port}:{port}" for port in (8080, 8333, 9200, 9090, 3000)]
    assert all("network_mode" not in service for service in SERVICES.values())


def test_every_secret_is_required_from_outside_and_none_is_written_down():
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and value is not None:
                assert re.fullmatch(r"\$\{[A-Z0-9_]+:\?[^}]+\}", value), f"{name}: {key}"
    for address in re.findall(r"//\w*:([^@\s]+(?: [^@\s]+)*)@", COMPOSE):
        assert re.fullmatch(r"\$\{[A-Z_]+_PASSWORD:\?run `make env` first\}", address)
    assert not re.search(r"(ENV|ARG)[^\n]*(PASSWORD|SECRET|KEY)", DOCKERFILE)


def test_make_env_writes_all_that_is_required_and_never_twice_the_same(make_env, tmp_path, capsys):
    make_env.main(tmp_path)
    written = (tmp_path / ".env").read_text()
    set_, commented = written.split("\n# ", 1)
    values = dict(line.split("=", 1) for line in set_.splitlines() if line)
    required = set(re.findall(r"\$\{([A-Z_0-9]+):\?", COMPOSE))
    assert set(values) == required | set(make_env.sizes(1))
    values = {name: values[name] for name in required}
    proposed = {line.removeprefix("# ").split("=")[0] for line in f"# {commented}".splitlines() if line}
    known = set(re.findall(r"\$\{([A-Z_0-9]+)", COMPOSE)) | set(SERVICES["scheduler"]["environment"])
    assert proposed - {"COMPOSE_PROFILES"} <= known
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert all(len(value) >= 32 for name, value in values.items() if name != "AIRFLOW_UID")
    assert not set(values.values()) & (set(make_env.settings().values()) - {values["AIRFLOW_UID"]})
    make_env.main(tmp_path)
    assert (tmp_path / ".env").read_text() == written
    assert not [value for name, value in values.items() if name != "AIRFLOW_UID" and value in capsys.readouterr().out]


def test_every_mounted_path_is_there(make_env, tmp_path):
    make_env.main(tmp_path)
    mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    folders = {mount for mount in mounts if mount.startswith(".")}
    assert folders == {"./dags", "./plugins", "./contracts", "./sample", "./lake", "./monitoring/grafana"}
    assert all((ROOT / folder).is_dir() or (tmp_path / folder).is_dir() for folder in folders)
    assert mounts - folders == set(yaml.safe_load(COMPOSE)["volumes"])


def test_the_image_carries_the_pinned_airflow():
    assert SERVICES["scheduler"]["image"] == f"logpress-airflow:{pinned('apache-airflow')}"
    assert "install --system --no-cache -r requirements.txt" in DOCKERFILE
    version = re.findall(r"uv==(\S+)", DOCKERFILE)[0]
    assert f"UV_VERSION := {version}\n" in (ROOT / "Makefile").read_text()


def test_the_image_copies_what_there_is_and_does_not_run_as_root():
    sources = [source for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M) for source in line.split()[:-1]]
    assert {"include", "dags", "plugins", "requirements.txt"} <= set(sources)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["50000:0"]
    assert DOCKERFILE.count("\nFROM ") == 1
    assert ":latest" not in DOCKERFILE + COMPOSE


def test_services_run_what_airflow_knows():
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert SERVICES[name]["command"] == [name]
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


DASHBOARD: dict[str, Any] = json.loads((ROOT / "monitoring/grafana/dashboards/logpress.json").read_text())


def test_the_dashboard_asks_for_metrics_that_there_are_and_for_all_of_them():
    from logpress_dags import metrics

    # As StatsD's exporter names what Airflow sends with its prefix.
    known = {f"airflow.{metrics.PREFIX}.{name}".replace(".", "_") for name in metrics.DAY}
    known.add(f"airflow.{metrics.SECONDS}".replace(".", "_"))
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    queries += [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"]]
    assert {name for query in queries for name in re.findall(r"airflow_\w+", query)} == known
    assert all(query.count("{") == query.count("}") and query.count("(") == query.count(")") for query in queries)


def test_the_dashboard_is_one_that_grafana_takes():
    needed = {"uid", "title", "schemaVersion", "panels", "templating", "time", "timezone", "version", "annotations"}
    assert needed <= set(DASHBOARD)
    source = yaml.safe_load((ROOT / "monitoring/grafana/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert {"id", "title", "type", "gridPos", "targets", "datasource", "fieldConfig", "options"} <= set(panel)
        assert panel["type"] in ("stat", "timeseries")
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_grafana_finds_its_dashboard_and_shows_it_to_nobody_from_outside():
    grafana = SERVICES["grafana"]
    provider = yaml.safe_load((ROOT / "monitoring/grafana/dashboards/logpress.yaml").read_text())["providers"][0]
    inside = grafana["volumes"][0].split(":")[1]
    assert provider["options"]["path"] == f"{inside}/dashboards"
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{inside}/dashboards/logpress.json"
    assert SERVICES["scheduler"]["environment"]["AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED"] == "True"
