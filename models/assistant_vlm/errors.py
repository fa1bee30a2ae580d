"""What can go wrong in the model.

VlmError
├── WeightsError      a weights folder is missing, truncated, of another shape, or its tokenizer does not fit
├── PictureError      a picture cannot be read as pixels
├── SettingsError     a generation setting is out of range
├── SitesError        a name is no activation of the model, or an edit changed its shape
└── AdapterError      an adapter is unknown, of other weights or another shape, or its file cannot be read
"""


class VlmError(Exception):
    """Root of every error that `assistant_vlm` raises on purpose; the message says what was expected and what came."""


class WeightsError(VlmError):
    """The weights folder cannot be used."""


class PictureError(VlmError):
    """The picture cannot be turned into pixels."""


class SettingsError(VlmError):
    """A generation setting is out of its range."""


class SitesError(VlmError):
    """A named activation that the model does not have, or an edit that does not fit."""


class AdapterError(VlmError):
    """An adapter that cannot be attached, read or found."""
