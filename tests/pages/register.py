"""Which test types the commands of which page; and those commands that none types, each with its reason."""

_KEYSTONE = "asks a Keystone; e2e/keystone_site.py makes the same users, services and endpoints"
TYPED_BY = {
    "CONTRIBUTING.md": "e2e/test_pages_start.py",
    "docs/backup.md": "e2e/test_pages_operating.py",
    "docs/examples.md": "e2e/test_pages_examples.py",
    "docs/events.md": "e2e/test_events.py",
    "docs/install.md": "package/test_package.py",
    "docs/look.md": "e2e/test_doctor.py",
    "docs/networks.md": "e2e/test_pages_networks.py",
    "docs/remove.md": "package/test_package.py",
    "docs/secrets.md": "e2e/test_pages_start.py",
    "docs/start.md": "e2e/test_pages_start.py",
    "docs/tls.md": "e2e/test_pages_start.py",
    "docs/tls-proxy.md": "e2e/test_pages_operating.py",
    "docs/upgrade.md": "package/test_package.py",
    "docs/users.md": "e2e/test_pages_operating.py",
    "docs/walkthrough-lbaas-v1.md": "e2e/test_pages_lbaas_v1.py",
    "docs/lbaas-v1.md": "e2e/test_pages_lbaas_v1.py",
}
"""Page → test (under ``tests``), which types all of its commands but those below."""

NOT_TYPED: dict[tuple[str, str], str] = {
    ("docs/start.md", "make demo"): "e2e/test_demo.py plays it",
    (
        "docs/users.md",
        "openstack project create service                                          # where it is missing",
    ): (_KEYSTONE),
    ("docs/secrets.md", "openstack service create --name evenload-secrets key-manager"): _KEYSTONE,
    ("docs/host.md", "ip netns exec qlbaas-<load balancer id> ip address"): "only looks, with tools of Debian's",
    **{
        ("docs/events.md", command): "unit/main/test_logs.py asks a journald of its own for them"
        for command in (
            "journalctl -t evenload",
            "journalctl -t evenload -p warning",
            "journalctl EVENLOAD_LOAD_BALANCER=$ID",
            "journalctl EVENLOAD_KIND=process",
            "journalctl LOGGER=evenload.audit",
            "journalctl LOGGER=evenload.audit EVENLOAD_PROJECT=$PROJECT -o verbose",
        )
    },
    ("docs/examples.md", "terraform -chdir=examples/terraform init"): (
        "neither it nor its provider can be fetched; e2e/test_pages_examples.py asks what it asks"
    ),
    ("docs/examples.md", "kubectl apply -f examples/kubernetes/service.yaml"): (
        "needs a cluster; e2e/test_gophercloud.py replays what its controller asks"
    ),
    (
        "README.md",
        "make demo      # a load balancer before your eyes, what changes and what breaks",
    ): "e2e/test_demo.py plays the first, e2e/test_pages_start.py types the second from docs/start.md",
    ("docs/install.md", "git clone …/evenload && cd evenload"): "package/test_package.py builds the same package",
    ("docs/install.md", "apt-get install -y python3-openstackclient python3-octaviaclient"): (
        "the machine of the test reaches no mirror; e2e/test_pages_start.py types the rest with the client of a clone"
    ),
    ("docs/install.md", "python3 -m venv /opt/evenload"): "tools/deb installs the same wheel into another environment",
    ("docs/upgrade.md", "git pull"): "unit/suite/test_environment.py exchanges an environment",
    ("docs/upgrade.md", "systemctl stop evenload"): "needs a former version with the command restore",
    ("docs/remove.md", "evenload purge --config-file /etc/evenload/evenload.conf"): (
        "asks; e2e/test_purge.py answers, and package/test_package.py types it with --yes"
    ),
    ("docs/develop/gophercloud.md", "tests/clients/gophercloud/build /tmp/replay"): (
        "needs ids of the reader's own; e2e/test_gophercloud.py builds and runs it"
    ),
}
"""(page, first line of a block or of a command) → why."""

JUDGED_BY: dict[tuple[str, str], str] = {
    ("docs/networks.md", "systemd"): "e2e/test_pages_networks.py",
    ("docs/tls-proxy.md", "haproxy"): "e2e/test_pages_operating.py",
    ("docs/walkthrough-lbaas-v1.md", "python"): "e2e/test_pages_lbaas_v1.py",
    ("docs/metrics.md", "yaml"): "unit/docs/test_docs_metrics.py",
}
"""(page, language) of other blocks → test (under ``tests``), which does with them what a reader does."""
