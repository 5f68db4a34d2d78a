"""Faults of workers, broker, database and API, on real RabbitMQ and PostgreSQL.

Every job takes effect exactly once, and no files are left over.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conf._celery.app import celery_app
from tests.cms.clips import clip
from tests.cms.faults.conftest import Faults
from tests.servers import OwnPostgres, wait_for
from tests.system import System

pytestmark = pytest.mark.timeout(240)


def long_clip() -> Path:
    return clip(size="1280x720", seconds=25)


def assert_no_files_left_over(campus: System, video_id: int) -> None:
    """Assert that only the files of the video are stored, and that no work folder is left."""
    video = campus.video(video_id)
    source, playlist = (video[name].split("/media/")[1].split("/", 1)[1] for name in ("file", "hls_url"))
    folder = playlist.rpartition("/")[0] + "/"
    wait_for(
        lambda: all(key == source or key.startswith(folder) for key in campus.stored()),
        within_s=20,
        what="files of other attempts are removed",
    )
    assert {source, playlist} <= set(campus.stored())
    assert campus.client.get(video["hls_url"]).text.startswith("#EXTM3U")
    wait_for(lambda: not campus.work_folders(), within_s=30, what="work folders are removed")


def wait_until_transcoding(campus: System, job_id: int) -> None:
    wait_for(lambda: campus.job(job_id)["progress"] > 0, within_s=60, what="transcoding is running")


def test_a_job_of_a_killed_worker_is_taken_over(faults: Faults) -> None:
    campus = faults.campus
    worker = campus.start_worker()
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    campus.kill(worker)
    assert campus.video(video["id"])["status"] == "PROCESSING"
    assert _ffmpeg_processes(campus) == []

    campus.start_worker()
    campus.wait_until(video["id"], "PROCESSED", within_s=120)
    assert campus.job(video["job_id"])["attempt"] == 2
    assert_no_files_left_over(campus, video["id"])


def _ffmpeg_processes(campus: System) -> list[str]:
    """Return the command lines of the ffmpeg processes of this system."""
    time.sleep(0.5)
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = process.read_bytes().replace(b"\0", b" ").decode()
            if campus.environment["DATA_DIR"] in line and "-progress" in line:
                found.append(line)
    return found


@pytest.mark.parametrize("victim", ["process", "worker"])
def test_the_job_of_a_dead_worker_is_queued_again_within_seconds(faults: Faults, victim: str) -> None:
    """Without waiting for the end of the lease, which is 30 s here, as it is by default."""
    campus = faults.campus
    campus.environment |= {"LEASE_S": "30", "SWEEP_S": "15"}
    worker = campus.start_worker(concurrency=1)
    job_id = faults.enqueue("tests.wait", seconds=20)
    _send(faults, "tests.wait", job_id)
    wait_for(lambda: faults.jobs(job_id)[0].status == "running", within_s=20, what="the job runs")
    pid = int((faults.jobs(job_id)[0].worker or "").rpartition("/")[2])
    begun = time.monotonic()
    if victim == "process":
        os.kill(pid, signal.SIGKILL)
    else:
        campus.kill(worker)
        campus.start_worker(concurrency=1)
    wait_for(lambda: faults.jobs(job_id)[0].attempt == 2, within_s=25, what="the job runs again")
    assert time.monotonic() - begun < 15


def test_a_worker_that_receives_sigterm_requeues_its_job(faults: Faults) -> None:
    campus = faults.campus
    worker = campus.start_worker()
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert campus.job(video["job_id"])["status"] == "queued"
    assert campus.video(video["id"])["status"] == "NOT_PROCESSED"

    campus.start_worker()
    campus.wait_until(video["id"], "PROCESSED", within_s=120)
    job = campus.job(video["job_id"])
    assert job["max_attempts"] - job["attempt"] == 2
    assert_no_files_left_over(campus, video["id"])


def test_an_upload_succeeds_while_the_broker_is_down(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker()
    faults.broker.stop()
    begun = time.monotonic()
    video = campus.upload(clip())
    assert time.monotonic() - begun < 2
    assert campus.client.get("/healthcheck/ready").json()["status"] == "degraded"
    faults.broker.start()
    campus.wait_until(video["id"], "PROCESSED", within_s=60)
    assert_no_files_left_over(campus, video["id"])


def test_a_hundred_queued_jobs_survive_a_killed_broker(faults: Faults) -> None:
    campus = faults.campus
    words = [f"word {n:03}" for n in range(100)]
    ids = [faults.enqueue("tests.note", word=word) for word in words]
    for job_id in ids:
        _send(faults, "tests.note", job_id)
    faults.broker.kill()
    faults.broker.start()
    campus.start_worker()
    wait_for(lambda: len(faults.notes()) >= 100, within_s=60, what="all jobs are done")
    assert faults.notes() == words
    assert {job.attempt for job in faults.jobs(*ids)} == {1}


def test_a_running_job_survives_a_killed_broker(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker()
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    faults.broker.kill()
    faults.broker.start()
    campus.wait_until(video["id"], "PROCESSED", within_s=120)
    assert campus.job(video["job_id"])["attempt"] == 1
    job_id = faults.enqueue("tests.note", word="after")
    wait_for(lambda: faults.notes() == ["after"], within_s=60, what=f"job {job_id} is done after the broker's restart")
    assert_no_files_left_over(campus, video["id"])


def _send(faults: Faults, name: str, job_id: int) -> None:
    with celery_app.connection_for_write(faults.broker.url) as connection:
        celery_app.send_task(name, (job_id,), queue="short", connection=connection)


def test_a_job_is_published_by_the_sweep_if_the_process_dies_after_the_commit(faults: Faults) -> None:
    """The job is committed, but its message was never published."""
    script = (
        "import os, signal\n"
        "from conf._celery import publisher\n"
        "publisher.Publisher.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from conf._celery.enqueue import enqueue\n"
        "from conf.db.dependencies import with_db_session\n"
        "import tests.probes\n"
        "with_db_session(lambda *, db: enqueue(db, 'tests.note', word='swept'))()\n"
    )
    campus = faults.campus
    ended = subprocess.run([sys.executable, "-c", script], env=campus.environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    campus.start_worker()
    wait_for(lambda: faults.notes() == ["swept"], within_s=30, what="the sweep publishes the job")


def test_a_message_delivered_five_times_at_once_runs_the_job_once(faults: Faults) -> None:
    campus = faults.campus
    for beat in (True, False):
        campus.start_worker(beat=beat, concurrency=3)
    wait_for(lambda: campus.log().count(" ready.") >= 2, within_s=20, what="workers are ready")
    job_id = faults.enqueue("tests.wait", seconds=1.0)
    senders = [threading.Thread(target=_send, args=(faults, "tests.wait", job_id)) for _ in range(5)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    wait_for(lambda: bool(faults.notes()), within_s=20, what="the job is done")
    time.sleep(2)
    assert faults.notes() == ["waited"]
    (job,) = faults.jobs(job_id)
    assert (job.status, job.attempt) == ("succeeded", 1)


def test_a_job_that_kills_its_worker_fails_without_blocking_others(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker()
    wait_for(lambda: " ready." in campus.log(), within_s=20, what="the worker is ready")
    poison = faults.enqueue("tests.poison")
    _send(faults, "tests.poison", poison)
    begun = time.monotonic()
    good = faults.enqueue("tests.note", word="good")
    _send(faults, "tests.note", good)
    wait_for(lambda: faults.notes() == ["good"], within_s=10, what="the other job is done")
    assert time.monotonic() - begun < 10
    wait_for(lambda: faults.jobs(poison)[0].status == "failed", within_s=60, what="the poison job has failed")
    (job,) = faults.jobs(poison)
    assert (job.attempt, job.error) == (2, "The worker stopped in the middle of the work.")


def test_a_running_job_survives_a_restart_of_postgresql(
    faults: Faults, own_postgres: tuple[OwnPostgres, contextlib.ExitStack]
) -> None:
    campus = faults.campus
    server, running = own_postgres
    campus.start_worker(LEASE_S="30")  # longer than a restart takes on a busy machine
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    running.close()
    assert campus.client.get(f"/api/v1/videos/{video['id']}/").status_code == 503
    time.sleep(1)
    running.enter_context(server.running())
    assert campus.client.get(f"/api/v1/videos/{video['id']}/").status_code == 200
    campus.wait_until(video["id"], "PROCESSED", within_s=120)
    assert campus.job(video["job_id"])["attempt"] == 1
    assert_no_files_left_over(campus, video["id"])


def test_replacing_a_file_cancels_its_processing(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker()
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    second = campus.replace(video["id"], clip(size="426x240"))
    done = campus.wait_until(video["id"], "PROCESSED")
    assert (done["width"], done["job_id"]) == (426, second["job_id"])
    wait_for(
        lambda: campus.job(video["job_id"])["status"] == "cancelled", within_s=10, what="the first job is cancelled"
    )
    assert_no_files_left_over(campus, video["id"])


def test_deleting_a_video_cancels_its_processing(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker()
    video = campus.upload(long_clip())
    wait_until_transcoding(campus, video["job_id"])
    assert campus.client.delete(f"/api/v1/videos/{video['id']}/").status_code == 204
    wait_for(lambda: campus.job(video["job_id"])["status"] == "cancelled", within_s=10, what="the job is cancelled")
    wait_for(lambda: campus.stored() == [] == campus.work_folders(), within_s=15, what="all files are gone")
    assert _ffmpeg_processes(campus) == []


def test_a_file_stored_by_a_killed_api_process_is_removed(faults: Faults) -> None:
    campus = faults.campus
    campus.start_worker(PENDING_FILE_S="1")
    script = (
        "import os, signal\n"
        "from conf.storage import local\n"
        "put = local.LocalStorage.put\n"
        "local.LocalStorage.put = lambda *a: (put(*a), os.kill(os.getpid(), signal.SIGKILL))\n"
        "from pathlib import Path\n"
        "from cms.videos import helpers\n"
        "import shutil, sys\n"
        "from conf import resources\n"
        "from iam.roles import Identity, Role\n"
        "resources.import_models()\n"
        "path = Path(shutil.copy(sys.argv[2], sys.argv[3]))\n"
        "from conf.db.dependencies import with_db_session\n"
        "from conf.storage.incoming import IncomingFile\n"
        "file = IncomingFile(path, path.stat().st_size, 'mp4')\n"
        "replace = with_db_session(helpers.replace_file)\n"
        "replace(video_id=int(sys.argv[1]), editor=Identity(1, Role.ADMIN, 1), file=file)\n"
    )
    video = campus.client.post("/api/v1/videos/", json={"title": "x"}).json()
    command = [sys.executable, "-c", script, str(video["id"]), str(clip()), campus.environment["DATA_DIR"] + "/half"]
    ended = subprocess.run(command, env=campus.environment | {"PENDING_FILE_S": "1"}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(campus.stored()) == 1
    wait_for(lambda: campus.stored() == [], within_s=30, what="the orphan is removed")
    assert campus.client.get(f"/api/v1/videos/{video['id']}/").json() == video
    Path(command[-1]).unlink(missing_ok=True)
