"""Single sign-on: an OpenID Connect provider says who somebody is (OpenID Connect Core 1.0, code flow with PKCE).

Authlib speaks OAuth, joserfc checks the signature; both come with the extra ``sso``.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

from assistant.accounts.accounts import Accounts
from assistant.accounts.person import is_this_computer
from assistant.errors import GlassboxError, SettingsError, StoreError
from assistant.settings import Settings
from assistant.store.account_values import Account, Role

SECONDS = 10.0
"""How long the provider may take for one answer."""

KEPT_SECONDS = 3600.0
"""How long what the provider publishes of itself is kept."""

LEEWAY_SECONDS = 60
"""By how much the provider's clock may differ from ours."""

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a published key. Not ``none``, and none with a shared secret."""

_ROLES: tuple[Role, ...] = ("user", "reviewer", "operator")


class SignOnFailed(GlassboxError):
    """The provider did not say, in a way that can be trusted, who somebody is; or they may not come in."""


@dataclass(frozen=True, slots=True)
class Journey:
    """What has to be the same when somebody comes back from the provider."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls) -> Journey:
        """A fresh one."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


class SingleSignOn:
    """Signing in with an OpenID Connect provider. Safe to use from many threads.

    Args:
        settings: those whose names begin with ``sso_``.
        accounts: where the people get their accounts, with their first sign-in.

    Raises:
        SettingsError: they cannot work, or the extra ``sso`` is not installed.
    """

    def __init__(self, settings: Settings, accounts: Accounts) -> None:
        self._settings = settings
        self._accounts = accounts
        self._issuer = settings.sso_issuer.rstrip("/")
        self._published: tuple[float, Mapping[str, Any]] | None = None
        self._lock = threading.Lock()
        if not settings.sso_client_id:
            raise SettingsError("Single sign-on needs sso_client_id: the name that the provider knows this house by.")
        if bool(settings.sso_role_claim) != bool(settings.sso_roles):
            raise SettingsError(
                "Of sso_role_claim and sso_roles only one is set; groups get roles by both together.",
                hint='As in: sso_role_claim = "groups" and sso_roles = {"staff" = "user", "admins" = "operator"}.',
            )
        _must_be_safe(settings.sso_issuer, "sso_issuer", SettingsError)
        try:
            import authlib.integrations.httpx_client  # noqa: F401  # pyright: ignore[reportUnusedImport]
        except ImportError as error:
            raise SettingsError(
                "Single sign-on needs the extra sso.", hint="Type: pip install 'glassbox[sso]'"
            ) from error

    def address(self, journey: Journey, back: str) -> str:
        """Where the browser is sent.

        Args:
            journey: what the provider's answer must fit.
            back: the address at which it comes back here, as it is registered with the provider.

        Raises:
            SignOnFailed: the provider cannot be asked.
        """
        with self._client(back) as client:
            address, _ = client.create_authorization_url(
                str(self._published_now()["authorization_endpoint"]),
                state=journey.state,
                nonce=journey.nonce,
                code_verifier=journey.verifier,
            )
        return address

    def sign_in(self, code: str, journey: Journey, back: str) -> str:
        """Turn the code that came back into a session.

        Returns:
            The cookie.

        Raises:
            SignOnFailed: the provider does not answer, the answer cannot be trusted, or the person may not come in.
            StoreError: the account cannot be made.
        """
        claims = self._claims(code, journey, back)
        role = self._role(claims)
        account = self._account(f"{claims['iss']}|{claims['sub']}", claims, role)
        if account.disabled:
            raise SignOnFailed(f"The account {account.name} is disabled.", hint="Ask an operator.")
        return self._accounts.begin_session(account)

    # The provider

    def _client(self, back: str) -> Any:  # an OAuth2Client, whose base class type checkers do not find
        from authlib.integrations.httpx_client import OAuth2Client

        secret = self._settings.sso_client_secret.get_secret_value()
        return OAuth2Client(
            self._settings.sso_client_id,
            secret or None,
            scope=self._settings.sso_scopes,
            redirect_uri=back,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            timeout=SECONDS,
        )

    def _published_now(self) -> Mapping[str, Any]:
        """The provider's discovery document (OpenID Connect Discovery 1.0), checked."""
        with self._lock:
            if self._published is not None and monotonic() - self._published[0] < KEPT_SECONDS:
                return self._published[1]
        found = self._fetched(f"{self._issuer}/.well-known/openid-configuration")
        if str(found.get("issuer", "")).rstrip("/") != self._issuer:
            raise SignOnFailed(
                f"The provider calls itself {found.get('issuer')!r} and not {self._settings.sso_issuer!r}.",
                hint="An operator has to mend the setting sso_issuer.",
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            _must_be_safe(str(found.get(name, "")), f"The provider's {name}", SignOnFailed)
        with self._lock:
            self._published = (monotonic(), found)
        return found

    def _fetched(self, address: str) -> Mapping[str, Any]:
        from httpx2 import HTTPError

        with self._client("") as client:
            try:
                answer = client.request("GET", address, withhold_token=True)
                answer.raise_for_status()
                found = answer.json()
            except (HTTPError, ValueError) as error:
                raise _unreachable(error) from error
        if not isinstance(found, dict):
            raise SignOnFailed(f"What the provider publishes at {address} is no JSON object.")
        return cast("dict[str, Any]", found)

    def _claims(self, code: str, journey: Journey, back: str) -> Mapping[str, Any]:
        """What the provider says of the person, once everything about it was checked."""
        from authlib.integrations.base_client import OAuthError
        from authlib.oidc.core import CodeIDToken
        from httpx2 import HTTPError
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        published = self._published_now()
        with self._client(back) as client:
            try:
                token = client.fetch_token(
                    str(published["token_endpoint"]),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=journey.verifier,
                )
            except OAuthError as error:
                raise SignOnFailed(f"The provider did not take the code: {error.error}.", hint="Try again.") from error
            except (HTTPError, ValueError) as error:
                raise _unreachable(error) from error
        try:
            keys = KeySet.import_key_set(cast("Any", self._fetched(str(published["jwks_uri"]))))
            decoded = jwt.decode(str(token.get("id_token", "")), keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": str(published["issuer"])},
                    "aud": {"essential": True, "value": self._settings.sso_client_id},
                    "nonce": {"essential": True, "value": journey.nonce},
                },
                params={"client_id": self._settings.sso_client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignOnFailed(
                f"What the provider said cannot be trusted ({type(error).__name__}: {error}).", hint="Try again."
            ) from error
        return cast("Mapping[str, Any]", claims)

    # The account

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        """The role that the person's groups give; ``None`` where roles are given here.

        Raises:
            SignOnFailed: none of their groups has one.
        """
        if not self._settings.sso_role_claim:
            return None
        value = claims.get(self._settings.sso_role_claim)
        groups = cast("list[Any]", value) if isinstance(value, list) else [value]
        given: dict[str, Role] = self._settings.sso_roles
        roles = [given[group] for group in groups if isinstance(group, str) and group in given]
        if not roles:
            raise SignOnFailed("You are known there, but in no group that may use Glassbox.", hint="Ask an operator.")
        return next(role for role in reversed(_ROLES) if role in roles)

    def _account(self, subject: str, claims: Mapping[str, Any], role: Role | None) -> Account:
        """The person's account, made where it is missing. An account that was made here with a password is never taken
        over, whatever name the provider gives."""
        account = self._accounts.of_subject(subject)
        if account is None:
            wanted = claims.get(self._settings.sso_name_claim) or claims.get("email") or claims["sub"]
            return self._accounts.add_from_provider(_as_name(str(wanted)), subject, role=role or "user")
        if role is not None and account.role != role:
            try:
                return self._accounts.set_role(account.name, role, who="single sign-on")
            except StoreError:  # the last operator stays one
                return account
        return account


def _as_name(text: str) -> str:
    """What of a text can stand in an account's name."""
    letters = [each for each in unicodedata.normalize("NFKC", text) if each.isalnum() or each in "._@+-"]
    return "".join(letters)[:60] or "person"


def _must_be_safe(address: str, what: str, error: type[GlassboxError]) -> None:
    """Passwords and codes go there: by TLS, or to this computer itself."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    if not (parts.scheme == "http" and (host == "localhost" or is_this_computer(host))):
        raise error(f"{what} must be an address that begins with https://; it is {address!r}.")


def _unreachable(error: Exception) -> SignOnFailed:
    return SignOnFailed(
        f"The provider for single sign-on does not answer as it should ({type(error).__name__}).",
        hint="Try again later, or sign in with a name and a password.",
    )
