"""Protect the secrets of a process from programs of the same user, such as one that an uploaded file has taken over."""

import ctypes
import os
import sys

_PR_SET_DUMPABLE = 4
SECRETS = ("SECRET_KEY", "SECRET_KEYS_OLD", "S3_SECRET_ACCESS_KEY", "TELEGRAM_BOT_TOKEN", "SMTP_URL")
"""Environment variables that a worker's children do not need."""


def protect_process() -> None:
    """Make the memory and the environment of this process and its forks unreadable for other processes of the same user
    (prctl(2), PR_SET_DUMPABLE). It has an effect on Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_secrets() -> None:
    """Remove secrets from the environment that child processes get. Call it after the settings have been read."""
    for name in SECRETS:
        os.environ.pop(name, None)
