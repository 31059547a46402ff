"""Read what a request asks: strictly, by orjson, and nothing that the database could not store."""

from typing import Any

import orjson
from flask import Flask, Request, Response
from flask.json.provider import JSONProvider
from marshmallow import RAISE, Schema, ValidationError, missing
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.routing import IntegerConverter

MAX_ID = 2**63 - 1  # of a BIGINT
NUL = "has a NUL character, which cannot be stored"


class ORJSONProvider(JSONProvider):
    """Flask's JSON by orjson: times as RFC 3339 with `Z`, keys that are numbers as text."""

    OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return JSON text; of the standard library's arguments only `indent` is known."""
        return orjson.dumps(obj, option=self.OPTIONS | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON text. Raises ValueError."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return the response that `jsonify` makes."""
        content = orjson.dumps(self._prepare_response_obj(args, kwargs), option=self.OPTIONS)
        return Response(content, mimetype="application/json")


class IdConverter(IntegerConverter):
    """An id in an address: what no table can hold leads nowhere."""

    regex = r"[1-9]\d{0,18}"

    def __init__(self, url_map: Any) -> None:
        super().__init__(url_map, min=1, max=MAX_ID)


class StrictParser(FlaskParser):
    """Webargs' parser, which also refuses unknown query parameters, other media types and NUL."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - webargs' own form
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": RAISE,
    }

    def _raw_load_json(self, req: Request) -> Any:
        content = req.get_data(cache=True)
        if not content:
            return missing
        if not req.is_json:
            raise UnsupportedMediaType
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is no valid JSON: {error}.") from None
        if rb"\u0000" in content:
            _refuse_nul(found)
        return found

    def load_querystring(self, req: Request, schema: Schema) -> MultiDictProxy:
        """Return the query's parameters."""
        for name, value in req.args.items(multi=True):
            if "\x00" in name or "\x00" in value:
                raise ValidationError(NUL)
        found: MultiDictProxy = super().load_querystring(req, schema)
        return found


def connect_parsing(app: Flask) -> None:
    """Make the application speak orjson, and know ids in addresses as `<id:…>`."""
    app.json = ORJSONProvider(app)
    app.url_map.converters["id"] = IdConverter


def _refuse_nul(value: Any) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str) and "\x00" in one:
            raise ValidationError(NUL)
