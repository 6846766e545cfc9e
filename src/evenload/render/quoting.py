"""How text that a user wrote enters a HAProxy configuration: only through here, and only if it is provably safe.

HAProxy's own check is no validator: it accepts ``$HOME``, ``%[env(X)]``
and further words as values. So each kind of text has a whitelist, and what the whitelist admits is quoted so that
HAProxy takes it literally. Nothing here corrects a text: what is not admitted raises.
"""

import ipaddress
import re

from evenload.model.errors import Hopeless
from evenload.model.tls_faults import CIPHERS

_IDENTIFIER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}\Z")
_URL_PATH = re.compile(r"/[\x21-\x7e]*\Z")
_HOST_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,253}[0-9A-Za-z.])?\Z")
_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]{1,255}\Z")
_PATTERN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}\Z")
_LOCATION = re.compile(r"https?://(?:[0-9A-Za-z._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,255}\Z")
_MAP_KEY = re.compile(r"[0-9]{1,9}[=^][^ \x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}\Z")
_METHOD = re.compile(r"[A-Z]{1,16}\Z")
_CODES = re.compile(r"[1-9][0-9]{2}(?:(?:,[1-9][0-9]{2})*|-[1-9][0-9]{2})\Z")
_VERSION = re.compile(r"1\.[01]\Z")
_PATH = re.compile(r"/[0-9A-Za-z._/+-]*\Z")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}\Z")
_ACCOUNT = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,31}\Z")


class UnsafeText(Hopeless):
    """A text that must not stand in a configuration. ``what`` names the field; the text itself is not repeated."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} holds something that may not stand in a HAProxy configuration")
        self.what = what


def identifier(text: str) -> str:
    """An object's id: a UUID in practice."""
    return _admit(_IDENTIFIER, text, "identifier")


def url_path(text: str) -> str:
    """Printable ASCII without blanks, beginning with a slash; in single quotes, within which nothing is special."""
    return _in_single_quotes(_admit(_URL_PATH, text, "URL path"))


def host_name(text: str) -> str:
    """Letters, digits, dots, hyphens, underscores: safe as a word and in a log format."""
    return _admit(_HOST_NAME, text, "domain name")


def cookie_fetch(direction: str, name: str) -> str:
    """``req.cook("NAME")`` or ``res.cook("NAME")``, hashed, as one word.

    The name is a token of RFC 6265: it holds no double quote, backslash, comma or parenthesis, so the double quotes
    of the argument hold it, and the single quotes around hold everything. Hashed because a stick table would keep
    but the beginning of a long value, and session tokens often begin alike.
    """
    return _in_single_quotes(f'{direction}.cook("{_admit(_TOKEN, name, "cookie name")}"),sha1')


def header_fetch(function: str, name: str) -> str:
    """``FUNCTION("NAME")`` as one word: of the values of a header, a cookie, or a field of a subject. The name is a
    token, as in ``cookie_fetch``."""
    return _in_single_quotes(f'{function}("{_admit(_TOKEN, name, "name")}")')


def pattern(text: str) -> str:
    """What an ACL compares with, taken literally. It may begin with a hyphen: ``--`` has to stand before it."""
    return _in_single_quotes(_admit(_PATTERN, text, "value"))


def location(text: str) -> str:
    """A URL or the beginning of one, where HAProxy takes a log format: a percent sign is written twice there."""
    return _in_single_quotes(_admit(_LOCATION, text, "URL").replace("%", "%%"))


def map_key(text: str) -> str:
    """The name of an entry in a map file, taken literally there: a blank would end it, a line break the line; a hash
    would hide a line that begins with it, but a number stands before it."""
    return _admit(_MAP_KEY, text, "value")


def map_value(text: str) -> str:
    """A URL or the beginning of one as a value in a map file: what a map gives is no log format."""
    return _admit(_LOCATION, text, "URL")


def method(text: str) -> str:
    return _admit(_METHOD, text, "HTTP method")


def status_codes(text: str) -> str:
    """One code, a comma list, or one range; without the blanks that a user may have put around a comma."""
    return _admit(_CODES, text.replace(" ", ""), "list of expected codes")


def http_version(text: str) -> str:
    return f"HTTP/{_admit(_VERSION, text, 'HTTP version')}"


def address_and_port(text: str, port: int) -> str:
    """``10.0.0.5:80`` or ``[2001:db8::5]:80``."""
    return f"{in_brackets(text)}:{number(port, 1, 65535, 'port')}"


def in_brackets(text: str) -> str:
    found = _address(text)
    return f"[{found}]" if found.version == 6 else str(found)


def network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise UnsafeText("allowed network") from error


def path(text: str) -> str:
    """A path of this host, from its settings."""
    return _admit(_PATH, text, "path")


def account(text: str) -> str:
    """A user or group of this host, from its settings."""
    return _admit(_ACCOUNT, text, "account name")


def fingerprint(text: str) -> str:
    """SHA-256 of a secret, which names its file."""
    return _admit(_FINGERPRINT, text, "fingerprint of a secret")


def ciphers(text: str) -> str:
    """One word: a list of OpenSSL's, whose characters mean nothing to HAProxy."""
    if not CIPHERS.fullmatch(text):
        raise UnsafeText("list of ciphers")
    return text


def number(value: int, lowest: int, highest: int, what: str) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise UnsafeText(what)
    return value


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address that is written as one of IPv6 (``::ffff:10.0.0.1``) is IPv4: that is what would be connected to,
    and two libraries write the other form differently."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        raise UnsafeText("address") from error
    if found.version == 6 and found.scope_id is not None:
        raise UnsafeText("address")
    return found if found.version == 4 else found.ipv4_mapped or found


def _admit(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.match(text):
        raise UnsafeText(what)
    return text


def _in_single_quotes(text: str) -> str:
    """A single quote itself cannot stand between single quotes: end them, escape it, begin again."""
    return "'" + text.replace("'", "'\\''") + "'"
