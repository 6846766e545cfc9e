# Evenload. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo run test test-fast check docs pictures format golden on-debian golden-on-debian bench wheel deb lock clean
SHELL := /bin/bash
PY := .venv/bin/python
KEEP ?=
CONFIG ?=
ONLY ?=
SUITE ?= trixie
ARGS ?=

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 20

demo:  ## a load balancer before your eyes (as root; KEEP=1 leaves it running)
	@tools/setup run && $(PY) -m demo $(if $(KEEP),--keep)

run:  ## the service in the foreground on 127.0.0.1:9876 (as root; CONFIG=file.conf for other settings)
	@tools/setup run && exec .venv/bin/evenload $(if $(CONFIG),--config-file $(CONFIG))

test:  ## all tests (as root: real namespaces, HAProxy, Open vSwitch; ARGS=… for pytest)
	@tools/setup test && $(PY) -m pytest -q -n 2 tests/unit tests/golden tests/walk $(ARGS)
	@$(PY) -m pytest -q -n 2 --dist loadfile tests/contract $(ARGS)
	@# The long ones first; each worker in a network of its own.
	@$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -p tests.own_network tests/package tests/e2e tests/root $(ARGS)

test-fast:  ## the tests that need no root
	@tools/setup run && $(PY) -m pytest -q -n 2 tests/unit tests/golden tests/walk $(ARGS)

check:  ## ruff, mypy strict, import-linter, the site of the documentation
	@tools/setup run
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	@$(MAKE) --no-print-directory docs

docs:  ## the site of the documentation in build/site; a link that leads nowhere is an error
	@tools/setup docs && NO_MKDOCS_2_WARNING=1 .clients/site/bin/python -m mkdocs build --clean

pictures:  ## draws the pictures of the documentation anew (as root)
	@tools/setup run && $(PY) -m demo.picture docs/pictures/demo.svg 'make demo' $(PY) -m demo
	@COLUMNS=130 $(PY) -m demo.picture docs/pictures/status.svg 'evenload status' $(PY) -m demo.status

format:  ## rewrites the code in the one layout
	@tools/setup run && .venv/bin/ruff check --fix . && .venv/bin/ruff format .

golden:  ## rewrites the expected halves of the golden cases
	@tools/setup run && $(PY) -m pytest -q tests/golden --rewrite

on-debian:  ## all tests in a bare Debian (as root; SUITE=bookworm for 12, trixie for 13)
	@tools/on-debian $(SUITE) make check test

golden-on-debian:  ## the golden cases judged by the HAProxy of Debian SUITE (as root; trixie has 3.0)
	@tools/on-debian $(SUITE) sh -c 'tools/setup run && .venv/bin/python -m pytest -q tests/golden'

bench:  ## measures what was promised, as ratios in one run (as root; ONLY=name for a part)
	@tools/setup bench && $(PY) -m bench $(if $(ONLY),--only $(ONLY))

wheel:  ## the wheel, in build/
	@tools/wheel

deb:  ## the Debian package, in build/, for this machine's release (as root for another: SUITE=bookworm or SUITE=trixie)
	@if [ "$(origin SUITE)" = file ] || [ "$(SUITE)" = "$$(. /etc/os-release && echo "$$VERSION_CODENAME")" ]; then \
		tools/deb; else EVENLOAD_DEBIAN_OUTPUT=build tools/on-debian $(SUITE) tools/deb; fi

UV_LOCK = uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python-version 3.11
lock:  ## renews the lock files: ours, the package's, the clients, Keystone, Barbican, the site (needs uv)
	$(UV_LOCK) --extra dev pyproject.toml -o requirements.lock
	$(UV_LOCK) --extra barbican --extra postgresql --extra mariadb --extra memcached -c requirements.lock \
		pyproject.toml -o packaging/run-time.lock
	$(UV_LOCK) -c requirements.lock packaging/build.in -o packaging/build.lock
	for input in tests/clients/*.in tests/identity_service/*.in tests/key_manager/*.in tools/site/*.in; do $(UV_LOCK) "$$input" -o "$${input%.in}.lock" || exit; done
	$(UV_LOCK) --no-deps tests/clients/collections/ansible.in -o tests/clients/collections/ansible.lock

clean:  ## removes the virtual environments, caches and build products
	rm -rf .venv .clients build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
