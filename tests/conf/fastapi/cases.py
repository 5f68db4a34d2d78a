"""The list of all cases. Each module adds its cases when it is imported."""

from importlib import import_module

from tests.conf.fastapi.base import CASES, Call, Case, case

TOPICS = (
    "path_parameters",
    "query_parameters",
    "headers_and_cookies",
    "bodies",
    "single_bodies",
    "body_types",
    "forms",
    "response_models",
    "response_fields",
    "responses",
    "response_classes",
    "dependencies",
    "dependency_places",
    "dependency_kinds",
    "dependency_context",
    "yield_dependencies",
    "yield_exceptions",
    "overrides",
    "security",
    "errors",
    "background",
    "request_use",
    "apps",
    "middleware",
    "streams",
    "uploads",
)

for topic in TOPICS:
    import_module(f".{topic}", __package__)

__all__ = ["CASES", "Call", "Case", "case"]
