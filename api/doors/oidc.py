"""`/auth/oidc/login` and `/auth/oidc/callback`: log in by the operator's identity provider."""

import hmac
from collections.abc import Callable
from typing import TypeVar

import structlog
from flask import Blueprint, Flask, current_app, redirect, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from api.errors import Refused
from api.limits import calling_address, limits, over_limit
from api.logins import set_cookies
from api.openid import Begun, NotBelieved, Person, Provider, ProviderAway, begin
from config.settings import OpenIDProvider, Settings, derived_key
from ticketing import logins
from ticketing.moment import utc_now
from ticketing.transaction import transaction

log = structlog.get_logger()

Found = TypeVar("Found")

blueprint = Blueprint("oidc", __name__, url_prefix="/auth/oidc")

COOKIE = "comptoir_oidc"
PATH = "/auth/oidc"
PATIENCE = 600  # seconds that somebody may take at the provider
HOME = "/console"
MAX_CODE = 4096


def connect_oidc(app: Flask, provider: OpenIDProvider) -> None:
    """Register the doors to a provider; nothing is asked of it yet."""
    app.extensions["comptoir.openid"] = Provider(provider)
    app.register_blueprint(blueprint)


@blueprint.get("/login")
def login() -> AnyResponse:
    """Send the browser to the provider."""
    _limit()
    begun = begin()
    address = _asking(lambda: _provider().address(begun, redirect_uri=_redirect_uri()))
    answer = redirect(address, 303)
    remembered = _box().dumps([begun.state, begun.nonce, begun.verifier])
    secure = _settings().public_url.startswith("https:")
    answer.set_cookie(COOKIE, remembered, max_age=PATIENCE, path=PATH, httponly=True, samesite="Lax", secure=secure)
    return answer


@blueprint.get("/callback")
def callback() -> AnyResponse:
    """Let in whom the provider names, if they are known here."""
    _limit()
    begun = _remembered()
    if "error" in request.args:
        raise _refused("the identity provider did not log you in")
    code = request.args.get("code", "")
    if not 0 < len(code) <= MAX_CODE:
        raise _refused("the identity provider sent no code")
    person = _asking(lambda: _provider().person(code, begun, redirect_uri=_redirect_uri()))
    _let_in(person)
    answer = redirect(HOME, 303)
    answer.delete_cookie(COOKIE, path=PATH)  # so that coming back once more finds nothing
    return answer


def _let_in(person: Person) -> None:
    now = utc_now()
    with transaction("api"):
        agent_id = logins.agent_behind(_provider().issuer, person.subject, verified_email=person.verified_email, at=now)
        if agent_id is None:
            logins.note_unknown("unknown_identity", at=now)
        else:
            opened = logins.let_in(agent_id, method="oidc", user_agent=request.user_agent.string, at=now)
    if agent_id is None:
        raise Refused(403, "unknown_identity", "nobody at this desk has this identity, or a verified address of it")
    set_cookies(opened)


def _remembered() -> Begun:
    """Return what this browser began with. Raises Refused when it began nothing, or something else."""
    try:
        state, nonce, verifier = _box().loads(request.cookies.get(COOKIE, ""), max_age=PATIENCE)
    except (BadSignature, ValueError, TypeError):
        raise _refused("this login was not begun in this browser, or it took too long") from None
    if not hmac.compare_digest(str(state).encode(), request.args.get("state", "").encode()):
        raise _refused("this login was not begun in this browser")
    return Begun(state, nonce, verifier)


def _asking(ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except ProviderAway as error:
        log.warning("identity provider away", error=str(error))
        detail = "the identity provider cannot be asked at the moment; log in with your password, or try again soon"
        raise Refused(502, "provider_away", detail, retry_after=30) from None
    except NotBelieved as error:
        log.warning("login not believed", error=str(error))
        raise _refused(str(error)) from None


def _refused(detail: str) -> Refused:
    with transaction("api"):
        logins.note_unknown("openid_refused", at=utc_now())
    return Refused(403, "login_failed", f"{detail}; begin again at {PATH}/login")


def _limit() -> None:
    rate = _settings().login_rate_limit
    if rate is not None and (standing := limits().hit(f"oidc:{calling_address()}", rate)).is_over:
        raise over_limit(standing)


def _redirect_uri() -> str:
    return f"{_settings().public_url}{PATH}/callback"


def _provider() -> Provider:
    found: Provider = current_app.extensions["comptoir.openid"]
    return found


def _box() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derived_key(_settings().secret_key, "openid"))


def _settings() -> Settings:
    found: Settings = current_app.extensions["comptoir.settings"]
    return found
