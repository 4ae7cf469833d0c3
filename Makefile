# `make run` and `make test` need Python 3.11+ and make, nothing else: no AWS, no Docker.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
UV_VERSION := 0.13.9
BIN := .venv/bin
# What `make run` needs; `make test` adds the development tools.
SYNC := $(BIN)/uv sync --frozen --quiet --active --extra local
export VIRTUAL_ENV := $(CURDIR)/.venv
export SAM_CLI_TELEMETRY := 0
# Hundreds of processes that compile the same files anew each time are what most of the tests' time would go to.
unexport PYTHONDONTWRITEBYTECODE

DATA ?=
ITEMS ?=
# Told each time: whatever is called so in the environment costs nothing by mistake.
STACK :=
# Not from the environment, where a shell's ENV means something else.
ENV := dev
IMAGE_URI ?=
CONFIG ?=
# More for sam deploy: "Name=value …" beside the profile's own, and words that it gets as they are.
PARAMETERS ?=
SAM_ARGS ?=

# Debian's release of `make test-bare`.
SUITE := bookworm

# The image of this commit; what is not committed is told by the name.
IMAGE ?= automlops/next-purchase:$(or $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null),unversioned)
CONTRACT := tests/integration/container

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is needed (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/run.stamp: uv.lock pyproject.toml | $(BIN)/uv
	@echo "setting up .venv from uv.lock" >&2
	@$(SYNC) --inexact
	@touch $@

# Tests start hundreds of Python processes, and where PYTHONDONTWRITEBYTECODE is set each would compile what it imports.
.venv/dev.stamp: uv.lock pyproject.toml | $(BIN)/uv
	@echo "setting up .venv with development tools from uv.lock" >&2
	@$(SYNC) --inexact --compile-bytecode --all-groups --no-group reference
	@touch $@ .venv/run.stamp

.PHONY: setup
setup: .venv/run.stamp ## set up .venv with the command automlops and the emulator

.PHONY: dev
dev: .venv/dev.stamp ## set up .venv with the development tools as well

.PHONY: run
run: setup ## train, create models and score three items, here, end to end (DATA=file.csv ITEMS="France,Germany")
	@$(BIN)/automlops quickstart $(if $(DATA),--data "$(DATA)") $(if $(ITEMS),--items "$(ITEMS)")

# One more than there are processors, since tests also wait; four at most. In the order of folders the long tests begin
# first, and the many short ones of tests/unit fill what is left of the time.
TEST_PROCESSES = $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
.PHONY: test
test: dev ## run all tests that need neither Docker nor AWS
	@$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

.PHONY: chaos
chaos: dev ## run the chaos suite whole, of which `make test` takes a sample (SEED=n draws other fault plans)
	@$(BIN)/python -m pytest --chaos $(if $(SEED),--chaos-seed "$(SEED)") --numprocesses auto --maxprocesses 2 --dist loadscope tests/chaos

.PHONY: smoke
smoke: dev ## run two tiny items on a deployed stack and look at every prediction (STACK=name)
	@$(BIN)/python -m pytest --live "$(or $(STACK),$(error which stack? make $@ STACK=name))" -m smoke --tb=short

.PHONY: test-live
test-live: dev ## run all scenarios on a deployed stack; says first what it costs (STACK=name)
	@$(BIN)/python -m pytest --live "$(or $(STACK),$(error which stack? make $@ STACK=name))"

.PHONY: lint
lint: dev ## ruff, mypy, cfn-lint, sam validate, zizmor
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/cfn-lint template.yaml bootstrap.yaml
	@$(BIN)/sam validate --lint --region us-east-1
	@$(BIN)/zizmor --offline --quiet .github

.PHONY: build
build: dev ## sam build: the Lambda package, for Lambda's Python whatever Python is here
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build

.PHONY: deploy
deploy: dev ## sam build and sam deploy of a profile (ENV=dev|staging|prod|local IMAGE_URI=… CONFIG=samconfig.mine.toml)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/automlops deploy --env "$(ENV)" $(if $(CONFIG),--config "$(CONFIG)") \
	  $(if $(IMAGE_URI),--parameter "ImageUri=$(IMAGE_URI)") $(foreach word,$(PARAMETERS),--parameter "$(word)") -- $(SAM_ARGS)

.PHONY: bench
bench: dev ## measure against references, print the table, write build/bench.json (ONLY=training,serving,… WRITE=1)
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only "$(ONLY)") $(if $(WRITE),--write)

# What bootstrap.yaml takes and makes: docs/pipelines.md.
APPLICATION ?= automlops
SUBJECT ?=
# What is not told stays as it was; at first it is the template's default.
MAKE_OIDC_PROVIDER ?=
MAKE_IMAGE_REPOSITORY ?=
PULLING_ACCOUNTS ?=
DATA_BUCKETS ?=
SAGEMAKER_ROLE_ARN ?=
BOOTSTRAP = bootstrap-$(APPLICATION)-$(ENV)
ARTIFACT_BUCKET ?=
CLOUDFORMATION_ROLE_ARN ?=
PERMISSIONS_BOUNDARY_ARN ?=
REPOSITORY ?=

.PHONY: bootstrap
bootstrap: dev ## make what pipelines need in an account, print it as GitHub's variables (ENV=dev SUBJECT=OWNER@ID/NAME@ID)
	@$(BIN)/aws cloudformation deploy --stack-name $(BOOTSTRAP) --template-file bootstrap.yaml \
	  --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset --parameter-overrides \
	  "Repository=$(SUBJECT)" "Application=$(APPLICATION)" "Environment=$(ENV)" \
	  $(if $(PULLING_ACCOUNTS),"PullingAccounts=$(PULLING_ACCOUNTS)") \
	  $(if $(DATA_BUCKETS),"DataBuckets=$(DATA_BUCKETS)") \
	  $(if $(SAGEMAKER_ROLE_ARN),"SageMakerRoleArn=$(SAGEMAKER_ROLE_ARN)") \
	  $(if $(MAKE_OIDC_PROVIDER),"MakeOidcProvider=$(MAKE_OIDC_PROVIDER)") \
	  $(if $(MAKE_IMAGE_REPOSITORY),"MakeImageRepository=$(MAKE_IMAGE_REPOSITORY)") >&2
	@$(BIN)/aws cloudformation describe-stacks --stack-name $(BOOTSTRAP) --output text \
	  --query "Stacks[0].Outputs[].join('=', [Description, OutputValue])" | tr '\t' '\n'

.PHONY: image-push
image-push: dev ## push the commit's image, made and tested if it is not there yet, print its digest (REPOSITORY=… OUT=file)
	@PATH="$(CURDIR)/$(BIN):$$PATH" container/push "$(REPOSITORY)" $(MAKE) image image-test

.PHONY: release
release: ## deploy with what bootstrap made (ENV=… STACK=… IMAGE_URI=… ARTIFACT_BUCKET=… and both ARNs)
	@$(foreach name,STACK IMAGE_URI ARTIFACT_BUCKET CLOUDFORMATION_ROLE_ARN PERMISSIONS_BOUNDARY_ARN,$(if $($(name)),,$(error $(name) is not told)))
	@$(MAKE) deploy ENV="$(ENV)" PARAMETERS="PermissionsBoundaryArn=$(PERMISSIONS_BOUNDARY_ARN)" \
	  SAM_ARGS="--stack-name $(STACK) --s3-prefix $(STACK) --tags automlops:stack=$(STACK) \
	  --no-resolve-s3 --s3-bucket $(ARTIFACT_BUCKET) --role-arn $(CLOUDFORMATION_ROLE_ARN)"

.PHONY: image
image: ## build the image for SageMaker in Docker (IMAGE=name, PYTHON_IMAGE=base; container/build has the rest)
	@container/build "$(IMAGE)"

.PHONY: image-test
image-test: dev ## test that image as SageMaker runs it (IMAGE=name)
	@$(BIN)/python -m pytest --docker --timeout 1200 --image "$(IMAGE)" tests/docker/test_image.py $(CONTRACT)

.PHONY: test-docker
test-docker: dev ## sam local and the image, in a Docker engine that runs already
	@$(BIN)/python -m pytest --docker --timeout 1200 tests/docker $(CONTRACT)

.PHONY: test-bare
test-bare: ## run `make run` and `make test` in a minimal Debian, as root (SUITE=bookworm|trixie|sid)
	@.ci/bare "$(SUITE)"

.PHONY: base-images
base-images: dev ## find the base images of sam local and the image, or make stand-ins; prints sam local's flags
	@$(BIN)/python -m tests.docker.base_images

.PHONY: transcript
transcript: dev ## run docs/deploy.md's commands in a fresh clone of HEAD and record what they print; needs Docker
	@$(BIN)/python docs/transcript.py

.PHONY: docs
docs: dev ## write the parts of the documents that are made from code
	@$(BIN)/python docs/generate.py

.PHONY: lock
lock: $(BIN)/uv ## bring uv.lock and both requirements.txt up to pyproject.toml
	@$(BIN)/uv lock
	@# jmespath comes with boto3, which Lambda's runtime has.
	@{ echo "# From uv.lock: make lock"; echo "--only-binary :all:"; \
	  $(BIN)/uv export --frozen --quiet --only-group functions --no-emit-package jmespath --no-hashes --no-header; } > functions/requirements.txt
	@{ echo "# From uv.lock: make lock"; \
	  $(BIN)/uv export --frozen --quiet --only-group container --no-hashes --no-header; } > container/requirements.txt

.PHONY: clean
clean: ## remove .venv, build output and caches
	@rm -rf .venv .aws-sam build .mypy_cache .pytest_cache .ruff_cache .hypothesis
