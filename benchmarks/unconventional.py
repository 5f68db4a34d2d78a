"""Campus without ETags, content negotiation, security headers and deprecation headers. `benchmarks.wire` compares
Campus with it."""

from typing import Any

from conf.http import conditional, request_log
from conf.http import handler as handler_module
from conf.http.wire.formats import Format

module: Any = handler_module
module.chosen = lambda _accept, _offered: Format.JSON
module.header = lambda _scope, _name: b""
module.VARY = (b"x-nothing", b"")
module = conditional
module.finish = lambda response, _value, _scope, **_: response
request_log.SECURITY = []

from conf.http.index import handlers  # noqa: E402
from main import app  # noqa: E402

for one in handlers(app):
    one.successor = None
