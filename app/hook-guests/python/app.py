# {{name}}: a gateway hook. It runs before authentication and may refuse the request.
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import log, request, response
from wit_world.imports.types import Failure, Rejection


class Gateway(exports.Gateway):
    def on_request(self) -> None:
        if request.header("x-blocked") is not None:
            log.write(log.Level.INFO, "a blocked request", [])
            raise Err(Rejection(403, [Failure("This request is blocked", "BLOCKED", None)], []))

    def on_response(self) -> None:
        response.set_header("x-hook", "{{name}}")
