"""Campus without what clients rely on beside the answer itself: no ETag, no formats to choose from, no headers that
protect or tell of a newer version. What `benchmarks.wire` compares with."""

from typing import Any

from conf.http import conditional, observe
from conf.http import route as route_module
from conf.http.wire.formats import Format

module: Any = route_module
module.chosen = lambda _accept, _offered: Format.JSON
module.header = lambda _scope, _name: b""
module.VARY = (b"x-nothing", b"")
module = conditional
module.finish = lambda response, _value, _scope, **_: response
observe.SECURITY = []

from main import app  # noqa: E402

for route in app.routes:
    if isinstance(route, route_module.Route):
        route.successor = None
