"""Texts of the service within code: as literals, whatever they hold."""


def quoted(text: object) -> str:
    """Give an id as it stands in code; what is no plain id is escaped by Python's rules."""
    words = str(text)
    plain = words.isascii() and words.replace("-", "").replace("_", "").isalnum()
    return f'"{words}"' if plain else repr(words)
