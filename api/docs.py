"""Swagger UI at /docs; all of its files come with its package, so it works without the internet."""

from flask import Flask
from flask_swagger_ui import get_swaggerui_blueprint

from api.openapi import PREFIX


def connect_docs(app: Flask) -> None:
    """Register the pages."""
    # Without these two it would ask validator.swagger.io, and write the Host header into a script.
    offline = {"validatorUrl": None, "oauth2RedirectUrl": None}
    app.register_blueprint(
        get_swaggerui_blueprint("/docs", f"{PREFIX}/openapi.json", config={"app_name": "Comptoir API", **offline})
    )
