"""The jars of Apache Kafka, fetched once into a folder that git ignores, each checked against its committed hash.

Standard library only: the doctor asks it before any package is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.errors import StartError

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "kafka"
POM = HERE / "pom.xml"
HASHES = HERE / "jars.sha256"
INSTALL = "sudo apt-get install openjdk-17-jre-headless maven   (on another system: any JDK 17 or newer, and Maven 3.8)"


def jars(cache: Path | None = None) -> Path:
    """The folder with exactly the committed jars, fetched with Maven if they are not there yet (44 MB, about 20 s).

    Several processes may ask at once: one fetches, the others wait. Raises StartError when Maven is missing, cannot
    fetch, or brings something else than what `jars.sha256` lists. What is in the cache is not hashed again.
    """
    cache, wanted = cache or CACHE, _listed()
    if _complete(cache, wanted):
        return cache
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(cache, wanted):
            _fetch(cache, wanted)
    return cache


def java() -> str:
    """The path of the `java` to use: JAVA_HOME's, else the first in PATH. Raises StartError when there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    if program := found or shutil.which("java"):
        return program
    raise StartError("Apache Kafka needs Java 17 or newer, and no `java` is found", INSTALL)


def missing() -> Iterator[StartError]:
    """What this machine lacks for Apache Kafka, without starting or fetching anything."""
    for needed in (java, *([] if _complete(CACHE, _listed()) else [_maven])):
        try:
            needed()
        except StartError as error:
            yield error


def differences(folder: Path, wanted: dict[str, str]) -> list[str]:
    """The jars that are missing, too many, or not what their hash says."""
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def _fetch(cache: Path, wanted: dict[str, str]) -> None:
    maven = _maven()
    half = cache.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={half}"]
    run = subprocess.run([maven, "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False)
    if run.returncode:
        end = "\n".join(f"    {line[:300]}" for line in run.stdout.splitlines()[-5:])
        raise StartError(
            f"Maven could not fetch Apache Kafka; it said:\n{end}",
            f"see that Maven reaches its repository (~/.m2/settings.xml names a mirror), or put the jars into {cache}",
        )
    if wrong := differences(half, wanted):
        raise StartError(
            f"Maven brought other jars than deploy/local/apache/jars.sha256 lists: {', '.join(wrong)}",
            "do not use them; if the version was changed on purpose, write the list anew: sha256sum *.jar",
        )
    shutil.rmtree(cache, ignore_errors=True)
    half.replace(cache)


def _maven() -> str:
    if maven := shutil.which("mvn"):
        return maven
    raise StartError("Apache Kafka comes with Maven, and no `mvn` is found", INSTALL)


def _listed() -> dict[str, str]:
    lines = (line.split() for line in HASHES.read_text().splitlines())
    return {name: sha256 for sha256, name in lines}


def _complete(cache: Path, wanted: dict[str, str]) -> bool:
    return {jar.name for jar in cache.glob("*.jar")} == wanted.keys()
