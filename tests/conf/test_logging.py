import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("json_lines", ["1", "0"])
def test_a_traceback_in_the_log_holds_no_values(json_lines: str) -> None:
    script = (
        "from fastapi.testclient import TestClient\n"
        "from main import app\n"
        "with TestClient(app) as client: print(client.get('/api/v1/videos/').status_code)\n"
    )
    settings = {"DATABASE_URL": "postgresql://campus:TopSecretPw99@127.0.0.1:1/x", "LOG_JSON": json_lines}
    told = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    assert "503" in told.stdout
    assert "the database did not answer" in told.stdout
    assert "TopSecretPw99" not in told.stdout + told.stderr
