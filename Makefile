# What a person does with this checkout. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Runtime needs and the image decoder: enough for `make demo` and `make run`.
READY := $(VENV)/.ready
# Test and lint tools on top.
DEV := $(VENV)/.dev

# Where `make run` and `make demo` keep things: nobody needs root for either.
HOME_DIR := .demo

export ORT_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup adapt-table demo demo-update run test system fuzz crash lint type docs sbom bench bench-fleet bench-load bench-peers demo-model pins clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(READY) $(DEV) fuzz: export PIP_CONSTRAINT := constraints.txt

setup: $(DEV) ## Make .venv with edged and all tools; does nothing when it is fresh

$(READY): pyproject.toml constraints.txt tools/need-python.sh
	@PYTHON=$(PYTHON) sh tools/need-python.sh
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "installing edged into $(VENV)"
	@$(BIN)/python -m pip install -qq --editable '.[images]'
	@touch $@

$(DEV): $(READY)
	@echo "installing test and lint tools into $(VENV)"
	@$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -qq --group dev
	@touch $@

demo: $(READY) ## Start the daemon, send it every held-out image, show the figures, stop
	@$(BIN)/python demo/run.py

demo-update: $(READY) ## Publish three releases to a box that looks after itself
	@$(BIN)/python demo/update.py

run: $(READY) ## Run the daemon in the foreground, state under .demo/
	@mkdir -p $(HOME_DIR)/state $(HOME_DIR)/run
	@echo 'server: {group: null} # the sockets are for whoever typed make run' >$(HOME_DIR)/edged.yaml
	@printf 'export %s="%s"\n' EDGED_SOCKET '$(CURDIR)/$(HOME_DIR)/run/edged.sock' \
		EDGED_CONTROL_SOCKET '$(CURDIR)/$(HOME_DIR)/run/control.sock' \
		PATH '$(CURDIR)/$(BIN):$$PATH' >$(HOME_DIR)/env
	@echo "next, in another terminal:"
	@echo "  cd $(CURDIR) && . $(HOME_DIR)/env"
	@echo "  edgectl install demo/digits"
	@echo "  edgectl infer digits demo/images/digit_3.png"
	@echo "  edgectl status"
	@exec $(BIN)/edged --config $(CURDIR)/$(HOME_DIR)/edged.yaml \
		--state-dir $(CURDIR)/$(HOME_DIR)/state --runtime-dir $(CURDIR)/$(HOME_DIR)/run

test: $(DEV) ## Run every test
	@$(BIN)/python -m pytest $(ARGS)

system: $(DEV) ## Boot Debian 12 and 13 with edged as their service, and try it; needs root
	@EDGED_SYSTEM_RESTARTS=$${EDGED_SYSTEM_RESTARTS:-100} \
		$(BIN)/python -m pytest -q -s tests/system $(ARGS)

fuzz: $(DEV) ## Look for bytes that break our readers, for 30 seconds
	@$(BIN)/python -m pip install -qq --group fuzz
	@mkdir -p .fuzz/express
	@$(BIN)/python -m tests.fuzz.express -max_total_time=20 -max_len=32768 -timeout=5 \
		-artifact_prefix=.fuzz/ $(ARGS) .fuzz/express tests/fuzz/corpus/express
	@$(BIN)/python -m tests.fuzz.models -max_total_time=10 -max_len=8192 -timeout=5 \
		-artifact_prefix=.fuzz/ $(ARGS) .fuzz/models

crash: $(DEV) ## Kill daemon and updater at every call of an install, an update, and under load; let disks refuse
	@EDGED_CRASH_STRIDE=1 EDGED_CRASH_KILLS=100 $(BIN)/python -m pytest -q -s tests/crash $(ARGS)

lint: $(DEV) ## Check style, spelling and import floors
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/codespell
	@$(BIN)/lint-imports

type: $(DEV) ## Check types
	@$(BIN)/mypy

docs: $(DEV) ## Write the generated files again
	@$(BIN)/python -m tools.config_pages
	@$(BIN)/python -m tools.cli_pages
	@$(BIN)/python -m tools.update_pages
	@$(BIN)/python -m tools.problem_pages
	@$(BIN)/python -m tools.dashboard
	@$(BIN)/python -m tools.sbom
	@$(BIN)/python -m tools.completions
	@$(BIN)/python -m tools.editor_schema
	@$(BIN)/python -m tools.man_pages
	@$(BIN)/python -m edged.api.openapi >$(VENV)/openapi.json
	@mv $(VENV)/openapi.json docs/reference/openapi.json

sbom: $(DEV) ## Write what the Debian package is made of, from its lock (CycloneDX)
	@$(BIN)/python -m tools.sbom

bench: $(READY) ## Measure, and hold the figures against their bars
	@$(BIN)/python benchmarks/json_codec.py
	@$(BIN)/python benchmarks/serve.py $(ARGS)

bench-fleet: $(READY) ## Let ten thousand boxes take a release, on a virtual clock
	@$(BIN)/python benchmarks/fleet.py $(ARGS)

adapt-table: $(READY) ## Let policies of adaptation answer side by side, on a virtual clock
	@$(BIN)/python benchmarks/adapt/table.py $(ARGS)

bench-load: $(DEV) ## Measure a thousand switches, trials, overload and fairness under load
	@$(BIN)/python benchmarks/switches.py $(ARGS)
	@$(BIN)/python benchmarks/trial.py
	@$(BIN)/python benchmarks/overload.py

bench-peers: $(READY) ## Measure edged beside Triton and others, each in an environment of its own
	@$(BIN)/python benchmarks/peers/run.py $(ARGS)

demo-model: ## Train and convert the demo's model again, in an environment of its own
	@sh tools/demo_model/build.sh

pins: ## Take the newest versions into constraints.txt
	@PYTHON=$(PYTHON) sh tools/pins.sh

clean: ## Remove the environment and what the tools leave behind
	rm -rf $(VENV) $(HOME_DIR) .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
