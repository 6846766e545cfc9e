"""``[secrets] cert_manager = barbican``: builds the way there. The user's settings are those of keystoneauth, in
``[service_auth]`` as Octavia has them, or those of ``[keystone_authtoken]`` where nothing stands in it.

openstacksdk is imported here alone, and only where Barbican is configured.
"""

import importlib
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from oslo_config import cfg

from evenload.main.keystone import import_late, names_of, refuse_unknown
from evenload.main.setting_files import KEYSTONE, SERVICE_AUTH, read_sections
from evenload.main.settings import BarbicanSettings, SettingsError

if TYPE_CHECKING:
    from evenload.secrets.barbican import Barbican

_LATE = ("openstack.key_manager.v1._proxy", "dogpile.cache.backends.null")
"""What openstacksdk imports when it is first used."""


def open_barbican(settings: BarbicanSettings, files: Sequence[Path]) -> tuple["Barbican", list[Path]]:
    """With the files that it reads later on. Raises SettingsError. Asks nobody.

    To be called before the change of user: it imports all that is needed later.
    """
    try:
        for name in _LATE:
            importlib.import_module(name)
    except ImportError as error:
        raise SettingsError(
            "[secrets] cert_manager: barbican needs the package openstacksdk, which cannot be imported"
            f" ({error}): pip install '.[barbican]' in a clone"
        ) from error
    from keystoneauth1 import exceptions, loading
    from keystoneauth1.session import Session

    from evenload.secrets.barbican import Barbican
    from evenload.secrets.barbican_client import BarbicanClient, BarbicanPlace

    import_late()
    conf = cfg.ConfigOpts()
    conf([], project="evenload", default_config_files=[str(file) for file in files], default_config_dirs=[])
    given = any(read_sections(file).get(SERVICE_AUTH) for file in files)  # the sample has it, empty
    section = SERVICE_AUTH if given else KEYSTONE
    loading.register_auth_conf_options(conf, section)
    section = conf[section].auth_section or section
    common = loading.get_auth_common_conf_options()
    conf.register_opts(common, group=section)
    kind = conf[section].auth_type
    if not kind:
        raise SettingsError(f"[{section}] auth_type: needed, such as password; who asks Barbican is a user")
    try:
        known = names_of(common) | names_of(loading.get_auth_plugin_conf_options(loading.get_plugin_loader(kind)))
        auth = loading.load_auth_from_conf_options(conf, section)
    except (exceptions.ClientException, cfg.Error, ValueError) as error:
        raise SettingsError(f"[{section}]: {error}") from error
    if given:
        for file in files:
            refuse_unknown(file, {section: known} if section == SERVICE_AUTH else {SERVICE_AUTH: names_of(common)})
    named = [settings.authorities] if settings.authorities is not None else []
    verify = str(settings.authorities or ssl.get_default_verify_paths().cafile or "") or True
    session = Session(auth=auth, verify=verify, timeout=settings.timeout, user_agent="evenload")
    place = BarbicanPlace(
        endpoint=settings.endpoint,
        region_name=settings.region_name,
        interface=settings.interface,
        timeout=settings.timeout,
    )
    return Barbican(BarbicanClient(session, place)), named
