"""Texts of the service within code: as literals, whatever they hold."""


def quoted(text: object) -> str:
    """Give a text as it stands in code; what is not plain is escaped by Python's rules."""
    words = str(text)
    plain = words.isascii() and words.isprintable() and not set(words) & {'"', "\\"}
    return f'"{words}"' if plain else repr(words)
