"""A real browser for the page: which Chromium is used, how a user logs in, and what axe finds."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WIDE, NARROW = {"width": 1360, "height": 900}, {"width": 390, "height": 844}

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium_path() -> str | None:
    """LOGPRESS_CHROMIUM, else one on the path, else Playwright's own; None if there is none."""
    named = os.environ.get("LOGPRESS_CHROMIUM")
    if named:
        return named
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    own = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return str(own[-1]) if own else None


def need_chromium() -> str:
    """The browser; skips loudly without one, and fails in continuous integration."""
    found = chromium_path()
    if found is None:
        message = "no Chromium: the page is not tested in a browser; run `make browser`, or set LOGPRESS_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=need_chromium(), args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def log_in(page: Any, base: str, user: str, password: str) -> None:
    """Log in on Airflow's own form, where the page is."""
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/auth/" not in url)


def frame_of(page: Any) -> Any:
    """The page within Airflow's frame, once it is there."""
    frame = page.frame_locator("iframe")
    frame.locator("main").wait_for()
    return frame


def picture(page: Any, path: Path, clip: tuple[int, int, int, int] | None = None) -> Path:
    """Take a screenshot as PNG with a palette of 256 colours, which is a third of the size; its path.

    Args:
        page: what is seen in it.
        path: the file.
        clip: the part of the window: left, top, width and height in pixels; all of it if None.
    """
    from PIL import Image

    part = None if clip is None else dict(zip(("x", "y", "width", "height"), clip, strict=True))
    data = page.screenshot(clip=part, animations="disabled")
    colours = (
        Image.open(io.BytesIO(data))
        .convert("RGB")
        .quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    colours.save(path, optimize=True)
    return path


def axe(page: Any) -> list[str]:
    """What axe finds, of any weight but minor, in a page opened without a frame."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['impact']} {one['id']}: {[node['target'] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] != "minor"
    ]
