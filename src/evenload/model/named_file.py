"""Files beside a configuration text: certificates, maps, lists. Each is named by its content, so that changed content
is a new name, and a text that names it a changed text."""

import re
from dataclasses import dataclass

from evenload.model.secret import SecretBytes

DIRECTORY = "files"
_NAMED = re.compile(rf"/{DIRECTORY}/([0-9a-f]{{64}})\b")


@dataclass(frozen=True, slots=True)
class NamedFile:
    """The content is a secret in any case: a private key may be among them."""

    content: SecretBytes

    @property
    def name(self) -> str:
        return self.content.fingerprint()


def names_in(text: str) -> frozenset[str]:
    """The names of the files that a configuration text asks for."""
    return frozenset(_NAMED.findall(text))
