"""Every setting in one model. Later sources win: defaults, the settings file, the environment, the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from assistant.errors import SettingsError

BUNDLED_MODEL = "glassbox-open"
"""What ``bundled`` stands for."""

_SECRET = ("model_keys", "sso_client_secret")  # what came there stands in no message

SETTINGS_FILE = user_config_path("glassbox") / "settings.toml"


class Settings(BaseSettings):
    """How this installation works.

    File: ``settings.toml`` in the user's configuration folder. Environment: ``GLASSBOX_`` and the name in capitals, as
    in ``GLASSBOX_PORT=8000``.
    """

    model_config = SettingsConfigDict(
        env_prefix="GLASSBOX_", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data_dir: Path = Field(default_factory=lambda: user_data_path("glassbox"))
    """Where chats, ratings and pictures are kept."""
    database_url: str = ""
    """An SQLAlchemy address; empty: an SQLite file in `data_dir`."""
    host: str = "127.0.0.1"
    """Where the page listens: this computer only; 0.0.0.0 lets other computers in, once there are accounts."""
    port: int = Field(default=7860, ge=0, le=65535)
    """0 lets the system choose a free port."""
    requests_a_minute: int = Field(default=60, ge=1)
    """Requests that one account, and one key, may send to the API in a minute; ten times as many on the page."""
    mcp: bool = False
    """Offer the tools ask, check and explain to MCP clients, at /v1/mcp; needs the extra mcp."""
    public_url: str = ""
    """The address that people type, as in https://chat.example.org, where a proxy stands in front; needs accounts."""
    sso_issuer: str = ""
    """The address of an OpenID Connect provider for single sign-on; it must publish a discovery document there."""
    sso_client_id: str = ""
    """What the provider knows this installation as."""
    sso_client_secret: SecretStr = SecretStr("")
    """The secret that belongs to it; empty where the provider gave none."""
    sso_label: str = "Single sign-on"
    """What the button on the page to sign in says."""
    sso_scopes: str = "openid profile email"
    """What the provider is asked for."""
    sso_name_claim: str = "preferred_username"
    """The claim that becomes the name of a new account."""
    sso_role_claim: str = ""
    """The claim with a person's groups; empty: roles are given here, by `assistant accounts role`."""
    sso_roles: dict[str, Literal["user", "reviewer", "operator"]] = Field(
        default_factory=dict[str, Literal["user", "reviewer", "operator"]]
    )
    """Which group has which role; of several the highest counts. Who is in none of these is not let in."""
    model: str = BUNDLED_MODEL
    """The model that answers where a question does not name one: `bundled`, `openai:NAME@URL` for one at a server, or
    `hf:ID-or-folder` for one of Hugging Face."""
    models: tuple[str, ...] = ()
    """More models to choose from, named as in `model`."""
    model_keys: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    """The key of each model server, by its host (and port, where it is not the usual one). It goes to that server
    alone, and is shown nowhere."""
    safe_mode: bool = False
    """Leave every plugin out that Glassbox does not bring itself."""
    disabled_plugins: frozenset[str] = frozenset()
    """Plugins to leave out, besides those of `assistant plugins disable`."""
    required_plugins: frozenset[str] = frozenset({"constitutions", "safety"})
    """Rules that must hold: while one of these is enabled but not working, every turn ends as a refusal."""
    hook_seconds: float = Field(default=5.0, gt=0)
    """The time limit of one call of one hook, where the plugin does not declare another;
    six times as long for hooks that are called once, at start."""
    import_seconds: float = Field(default=30.0, gt=0)
    """How long importing a plugin that Glassbox does not bring itself may take, at each start."""
    failures_before_off: int = Field(default=3, ge=1)
    """A plugin that fails so many times in a row is switched off until the program is started again."""
    critic_model: str = ""
    """The backend that rules ask for a second look and for a text written anew; empty: none is asked. It has to follow
    instructions, which the bundled model does not."""
    critic_seconds: float = Field(default=4.0, gt=0)
    """How long it may take for one text; more than `hook_seconds` is cut off there."""
    first_token_seconds: float = Field(default=120.0, gt=0)
    """How long the model may take to load, read the pictures and write its first token."""
    next_token_seconds: float = Field(default=30.0, gt=0)
    """How long the model may fall silent in the middle of an answer, or take to end one when it is told to."""
    queue_seconds: float = Field(default=120.0, gt=0)
    """How long a question waits for the model to finish other people's answers."""
    max_text: int = Field(default=20_000, ge=1)
    """Characters in one question."""
    max_images: int = Field(default=8, ge=1)
    """Pictures in one question."""
    max_image_bytes: int = Field(default=20_000_000, ge=1)
    """Size of one picture file, in bytes."""
    max_image_pixels: int = Field(default=50_000_000, ge=1)
    """Width times height of one picture; more is not unpacked."""
    max_image_side: int = Field(default=2048, ge=64)
    """Larger pictures are scaled down to this before they are kept, in pixels on the longer side."""

    @field_validator("model")
    @classmethod
    def _bundled(cls, model: str) -> str:
        return BUNDLED_MODEL if model == "bundled" else model

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line (given on creation), environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=SETTINGS_FILE)

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'glassbox.sqlite3'}"


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; ``overrides`` that are ``None`` count as not given.

    Raises:
        SettingsError: a value cannot work, or the file cannot be read; the message names the setting and what came.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}"
            + ("" if problem["loc"][0] in _SECRET else f" (got {problem['input']!r})")
            for problem in error.errors()
        ]
        raise SettingsError(
            "A setting cannot be used. " + "; ".join(lines) + ".",
            hint=f"Settings come from the command line, GLASSBOX_... in the environment, and {SETTINGS_FILE}.",
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The settings file {SETTINGS_FILE} cannot be read: {error}.", hint="Mend it or move it away."
        ) from error
