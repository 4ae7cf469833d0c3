"""Documents held against what they describe."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import contracts

from .conftest import Document

PLACEHOLDERS = [
    "YOUR_SAGEMAKER_EXECUTION_ROLE_ARN",
    "YOUR_ECR_IMAGE_URI",
    "YOUR_S3_BUCKET",
    "YOUR_S3_MODEL_DATA_URL",
    "YOUR_S3_INPUT_URI",
    "YOUR_S3_OUTPUT_URI",
    "YOUR_S3_SAMPLE_PREFIX",
    "YOUR_S3_MODEL_PREFIX",
    "YOUR_LAMBDA_FUNCTION_ARN",
]


@pytest.fixture(scope="module")
def generate(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", root / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_stands_once_and_is_the_definitions(root: Path, generate: ModuleType) -> None:
    assert generate.pipeline() in (root / "docs" / "architecture.md").read_text(), "run make docs"
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    assert [page.name for page in pages if "```mermaid" in page.read_text()] == ["architecture.md"]


def test_every_generated_block_is_fresh(root: Path, generate: ModuleType) -> None:
    for name in generate.DOCUMENTS:
        text = (root / name).read_text()
        assert generate.BLOCK.search(text), name
        assert generate.written(text) == text, f"{name}: run make docs"


def test_the_picture_has_every_state(generate: ModuleType, definition: Document, child: Document) -> None:
    picture = generate.pipeline()
    for name in definition["States"] | child["States"]:
        assert re.search(rf"\b{name}\b", picture), name


def test_all_nine_placeholders_have_become_something_that_exists(root: Path, template: Document) -> None:
    text = (root / "docs" / "configuration.md").read_text()
    rows = {
        name: (row, kind)
        for name, row, kind in re.findall(r"^\| `(YOUR_\w+)` \| (.+) \| ([\w ]+) \|$", text, re.M)
    }
    assert sorted(rows) == sorted(PLACEHOLDERS)
    known = {
        "resource": template["Resources"].keys(),
        "parameter": template["Parameters"].keys(),
        "substitution": template["Resources"]["StateMachine"]["Properties"]["DefinitionSubstitutions"].keys(),
        "event field": {*contracts.ItemRequest.model_fields, *contracts.CreateModelEvent.model_fields},
    }
    for placeholder, (row, kind) in rows.items():
        named = set(re.findall(r"`([A-Za-z_0-9]+)`", row))
        assert {name for name in named if name in known[kind] or snake_case(name) in known[kind]}, placeholder
        every = {name for names in known.values() for name in names} | requests_environment()
        assert {snake_case(name) for name in named} <= {snake_case(name) for name in every}, placeholder


def requests_environment() -> set[str]:
    """Return names of the variables that the pipeline gives to training."""
    return {name for name in contracts.RESERVED_ENVIRONMENT if name.islower()}


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    for document in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_anchors_of_links_between_documents_exist(root: Path) -> None:
    documents = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    anchors = {document.resolve(): anchors_of(document.read_text()) for document in documents}
    for document in documents:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#\s]*)#([^)]+)\)", document.read_text()):
            linked = (document.parent / target).resolve() if target else document.resolve()
            if linked in anchors:
                assert anchor in anchors[linked], f"{document.name}: {target}#{anchor}"


def anchors_of(markdown: str) -> set[str]:
    """Return the anchors that GitHub gives a page: one for each heading, and those written as HTML."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.M)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower() for heading in headings]
    slugs = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


def test_make_targets_that_documents_name_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.M))
    for document in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        for target in re.findall(r"`make ([a-z-]+)", document.read_text()):
            assert target in targets, f"{document.name}: make {target}"


def test_every_file_that_the_architecture_names_exists(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([\w./-]+/[\w./-]*)`", text))
    assert len(named) > 40
    rooms = [root, *(root / room for room in ("functions/pipeline", "automlops", "container/next_purchase"))]
    assert {name for name in named if not any((room / name).exists() for room in rooms)} == set()


def test_every_module_of_the_functions_has_its_place_in_the_architecture(root: Path) -> None:
    text = (root / "docs" / "architecture.md").read_text()
    modules = {path.name for path in (root / "functions" / "pipeline").rglob("*.py")} - {"__init__.py"}
    assert {name for name in modules if f"`{name}`" not in text} == set()


def test_both_readmes_have_the_same_commands(root: Path) -> None:
    def commands(name: str) -> list[str]:
        blocks = re.findall(r"```(?:bash|python|json)\n(.*?)```", (root / name).read_text(), re.DOTALL)
        lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]

    assert commands("README.md")
    assert commands("README.md") == commands("README.zh-TW.md")


def test_the_policies_of_a_role_of_ones_own_are_those_of_the_stacks_own(root: Path, template: Document) -> None:
    text = (root / "docs" / "configuration.md").read_text()
    section = text.partition("## A bucket and a role of your own\n")[2].partition("\n## ")[0]
    _, trust, policy = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    role = template["Resources"]["SageMakerRole"]["Properties"]
    own = [
        *role["Policies"][0]["PolicyDocument"]["Statement"],
        *(
            statement
            for name in ("FindDataPolicy", "ReadDataPolicy")
            for statement in template["Resources"][name]["Properties"]["PolicyDocument"]["Statement"]
            # What further buckets add is told in words.
            if "Fn::If" not in statement
        ),
    ]

    def told(statements: list[Document]) -> dict[str, tuple[object, object]]:
        return {one["Sid"]: (one["Action"], one.get("Condition")) for one in statements}

    assert told(policy["Statement"]) == told(own)
    (documented,), (made,) = trust["Statement"], role["AssumeRolePolicyDocument"]["Statement"]
    assert documented | {"Condition": None} == made | {"Condition": None}
