"""Numbers and dates as the reader's language writes them, from the Unicode CLDR through Babel."""

from __future__ import annotations

from datetime import datetime

from assistant.ui.languages.current import current


def number(value: float, digits: int = 0) -> str:
    """A number with so many digits after the point."""
    if current() == "en":
        return f"{value:,.{digits}f}"
    from babel.numbers import format_decimal

    return format_decimal(round(value, digits), "#,##0" + ("." + "0" * digits if digits else ""), locale=current())


def percent(share: float) -> str:
    """A share in [0, 1] as a whole percentage."""
    if current() == "en":
        return f"{share:.0%}".replace("%", " %")
    from babel.numbers import format_percent

    return format_percent(share, locale=current())


def megabytes(size: int) -> str:
    """A number of bytes in megabytes."""
    if current() == "en":
        return f"{size / 1e6:,.0f} MB"
    from babel.units import format_unit

    return format_unit(round(size / 1e6), "digital-megabyte", "short", locale=current())


def day(when: datetime) -> str:
    """A date."""
    if current() == "en":
        return f"{when:%d %B %Y}"
    from babel.dates import format_date

    return format_date(when.date(), "long", locale=current())


def moment(when: datetime) -> str:
    """A date and a time, as the clock of this computer shows it."""
    local = when.astimezone()
    if current() == "en":
        return f"{local:%d %b %Y, %H:%M}"
    from babel.dates import format_date, format_time

    return f"{format_date(local, 'medium', locale=current())} {format_time(local, 'short', locale=current())}"
